//go:build unix

package http1

import (
	"errors"
	"syscall"
)

// canPeek is true if an idle connection can be checked without reading from it.
// Otherwise each idle connection would need a goroutine that reads all the time.
const canPeek = true

// stale reports whether an idle connection cannot be used: the other side has
// closed it, or has sent something without a request.
func (c *conn) stale() bool {
	if c.peekFunc == nil {
		c.peekFunc = c.peek
	}
	err := c.raw.Control(c.peekFunc) // not Read, which fails without checking once a deadline has passed
	return err != nil || !errors.Is(c.peekErr, syscall.EAGAIN)
}

func (c *conn) peek(fd uintptr) {
	_, _, c.peekErr = syscall.Recvfrom(int(fd), c.peekBuf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
}
