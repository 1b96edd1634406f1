package attempt

import (
	"errors"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A countedConn counts what is written to and read from a connection. net/http
// reports neither, and both decide what is known after a failed attempt.
type countedConn struct {
	net.Conn
	writes atomic.Int64 // that sent bytes, or may have
	reads  atomic.Int64 // that returned bytes

	all       *connections
	users     atomic.Int32 // number of exchanges that use it; far below zero once it is retired
	idleSince atomic.Int64 // when the last exchange left it, in nanoseconds; zero if none has left yet
}

// Close closes the connection, and makes room for another.
func (c *countedConn) Close() error {
	c.all.remove(c)
	return c.Conn.Close()
}

// join begins the use by an exchange. A connection that was retired at the same
// moment is closed before anything is written to it.
func (c *countedConn) join() {
	if c.users.Add(1) < 0 {
		_ = c.Close()
	}
}

// SyscallConn implements [syscall.Conn]. It returns an error if the dialled
// connection does not.
func (c *countedConn) SyscallConn() (syscall.RawConn, error) {
	if conn, ok := c.Conn.(syscall.Conn); ok {
		return conn.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// leave ends the use by an exchange.
func (c *countedConn) leave() {
	c.idleSince.Store(time.Now().UnixNano())
	c.users.Add(-1)
}

// retire reports whether the connection is idle. If it is, it is not used again.
func (c *countedConn) retire() bool { return c.users.CompareAndSwap(0, math.MinInt32/2) }

// Write counts before it writes: while it blocks, the counter must show that
// bytes may have been sent.
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

// counted returns the countedConn below a connection of net/http, or nil if there
// is none. TLS wraps it once, and twice with a proxy that speaks TLS itself.
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

// connections are the open connections. They have their own limit: that of
// net/http applies to HTTP/1 only, and any number of idle HTTP/2 connections would
// stay open until IdleTimeout.
type connections struct {
	limit int // exceeded while all are in use or new, and by few while few are idle

	mu   sync.Mutex
	open map[*countedConn]struct{} // guarded by mu
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, open: make(map[*countedConn]struct{})}
}

// add adds a new connection. Above the limit it closes one that has been idle for
// long.
func (cs *connections) add(conn net.Conn) *countedConn {
	c := &countedConn{Conn: conn, all: cs}
	cs.mu.Lock()
	cs.open[c] = struct{}{}
	var surplus *countedConn
	if len(cs.open) > cs.limit {
		surplus = cs.longIdle()
	}
	cs.mu.Unlock()
	if surplus != nil && surplus.retire() {
		_ = surplus.Close()
	}
	return c
}

// longIdle returns the connection that has been idle longest of some, or nil if they
// are in use or new. It looks at some only, since there may be thousands, and others
// wait meanwhile; a map begins anywhere. cs.mu must be held.
func (cs *connections) longIdle() *countedConn {
	left := 64
	var longest *countedConn
	for c := range cs.open {
		idle := c.users.Load() == 0 && c.idleSince.Load() != 0
		if idle && (longest == nil || c.idleSince.Load() < longest.idleSince.Load()) {
			longest = c
		}
		if left--; left == 0 {
			break
		}
	}
	return longest
}

func (cs *connections) remove(c *countedConn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
}
