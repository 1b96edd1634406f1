//go:build unix

package http1

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// canPeek is true if an idle connection can be checked without reading from it.
// Otherwise each idle connection would need a goroutine that reads all the time.
const canPeek = true

// stale reports whether an idle connection cannot be used: the other side has
// closed it, or has sent something without a request; or we have closed it, and then
// peekErr is [net.ErrClosed].
func (c *conn) stale() bool {
	c.look()
	if c.secure() && c.peekErr == nil && c.takeTickets() {
		c.look()
	}
	return !errors.Is(c.peekErr, syscall.EAGAIN)
}

// look peeks without waiting.
func (c *conn) look() {
	if c.peekFunc == nil {
		c.peekFunc = c.peek
	}
	if err := c.raw.Control(c.peekFunc); err != nil { // not Read, which fails without checking once a deadline has passed
		c.peekErr = net.ErrClosed
	}
}

// takeTickets gives TLS what has come while the connection was idle, without
// waiting. It returns true if that was for TLS alone, such as session tickets, which
// some servers send late.
func (c *conn) takeTickets() bool {
	const most = 4 << 10 // two or three tickets; a server does not get to keep us busy
	come := make([]byte, most)
	var n int
	var err error
	closed := c.raw.Control(func(fd uintptr) { n, _, err = syscall.Recvfrom(int(fd), come, syscall.MSG_DONTWAIT) })
	if closed != nil || err != nil || n == 0 {
		return false
	}
	c.wire.come = come[:n]
	defer func() { c.wire.come = nil }()
	return !c.overread()
}

func (c *conn) peek(fd uintptr) {
	_, _, c.peekErr = syscall.Recvfrom(int(fd), c.peekBuf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
}

// await returns when something can be read without waiting: bytes, an end or an
// error.
func (c *conn) await() error {
	if c.raw == nil {
		return nil
	}
	if c.awaitFunc == nil {
		c.awaitFunc = c.arrived
	}
	c.waited = false
	if err := c.raw.Read(c.awaitFunc); err != nil {
		return err
	}
	if c.peekErr == nil || errors.Is(c.peekErr, syscall.EAGAIN) || errors.Is(c.peekErr, syscall.EINTR) {
		return nil
	}
	return os.NewSyscallError("recvfrom", c.peekErr) // who looks gets an error, such as a reset, and no read gets it again
}

// arrived reports whether something can be read. It is called a second time when
// there is, and looks the first time alone.
func (c *conn) arrived(fd uintptr) bool {
	if c.waited {
		return true
	}
	c.waited = true
	c.peek(fd)
	return !errors.Is(c.peekErr, syscall.EAGAIN)
}
