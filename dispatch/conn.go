package dispatch

import (
	"net"
	"sync/atomic"
)

// A countedConn is a connection that knows whether anything went out or came
// in since one looked last. net/http tells neither once it has a connection,
// and both decide what a failed attempt proves.
type countedConn struct {
	net.Conn
	writes atomic.Int64 // writes that put, or may have put, bytes on the wire
	reads  atomic.Int64 // reads that got bytes
}

// Write counts before it writes: whoever looks while it still blocks must see
// that bytes may be out.
func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	n, err := c.Conn.Write(b)
	if n == 0 && err != nil {
		c.writes.Add(-1)
	}
	return n, err
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.reads.Add(1)
	}
	return n, err
}

// counted finds the countedConn under a connection that net/http hands out,
// which is wrapped once for TLS and twice with a proxy that speaks TLS itself.
func counted(conn net.Conn) *countedConn {
	for {
		switch c := conn.(type) {
		case *countedConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
