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

// A countedConn is a connection that knows whether anything went out or came
// in since one looked last. net/http tells neither once it has a connection,
// and both decide what a failed attempt proves.
type countedConn struct {
	net.Conn
	writes atomic.Int64 // writes that put, or may have put, bytes on the wire
	reads  atomic.Int64 // reads that got bytes

	all   *connections
	users atomic.Int32 // exchanges that have it; far below zero once it is given up
	left  atomic.Int64 // when the last of them left, in nanoseconds; zero: none did yet
}

// Close closes the connection, and makes room for another.
func (c *countedConn) Close() error {
	c.all.remove(c)
	return c.Conn.Close()
}

// join says that an exchange has the connection now. One that was given up in
// this moment is closed before anything is written to it.
func (c *countedConn) join() {
	if c.users.Add(1) < 0 {
		_ = c.Close()
	}
}

// SyscallConn implements [syscall.Conn]; the error says that what was dialled
// does not.
func (c *countedConn) SyscallConn() (syscall.RawConn, error) {
	if under, ok := c.Conn.(syscall.Conn); ok {
		return under.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (c *countedConn) leave() {
	c.left.Store(time.Now().UnixNano())
	c.users.Add(-1)
}

// giveUp says whether the connection is idle, and keeps it from being used
// again if it is.
func (c *countedConn) giveUp() bool { return c.users.CompareAndSwap(0, math.MinInt32/2) }

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

// connections are those that are open. They bound how many are: net/http
// closes the longest idle of too many only if they speak HTTP/1, so that CRMs
// with HTTP/2 would keep any number open until their idle time is over.
type connections struct {
	most int // more are open only while all are in use, or new

	mu   sync.Mutex
	open map[*countedConn]struct{} // guarded by mu
}

func newConnections(most int) *connections {
	return &connections{most: most, open: make(map[*countedConn]struct{})}
}

// add counts a new connection, and closes the longest idle one if that is one
// too many.
func (cs *connections) add(conn net.Conn) *countedConn {
	c := &countedConn{Conn: conn, all: cs}
	cs.mu.Lock()
	cs.open[c] = struct{}{}
	var surplus *countedConn
	if len(cs.open) > cs.most {
		surplus = cs.longestIdle()
	}
	cs.mu.Unlock()
	if surplus != nil && surplus.giveUp() {
		_ = surplus.Close()
	}
	return c
}

// longestIdle returns nil if all are in use, or new. cs.mu must be held.
func (cs *connections) longestIdle() *countedConn {
	var longest *countedConn
	for c := range cs.open {
		idle := c.users.Load() == 0 && c.left.Load() != 0
		if idle && (longest == nil || c.left.Load() < longest.left.Load()) {
			longest = c
		}
	}
	return longest
}

func (cs *connections) remove(c *countedConn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
}
