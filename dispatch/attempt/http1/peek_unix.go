//go:build unix

package http1

import (
	"errors"
	"syscall"
)

// peeks says whether an idle connection can be looked at. Without that it needs
// somebody who reads it all the time.
const peeks = true

// stale says whether an idle connection is not what it was: the other side has
// closed it, or sent what nobody asked for.
func (c *conn) stale() bool {
	if c.look == nil {
		c.look = c.peek
	}
	failed := c.raw.Control(c.look) // not Read, which a deadline that is over would keep from looking
	return failed != nil || !errors.Is(c.seen, syscall.EAGAIN)
}

func (c *conn) peek(fd uintptr) {
	_, _, c.seen = syscall.Recvfrom(int(fd), c.room[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
}
