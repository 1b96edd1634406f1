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
	var nothing error
	failed := c.raw.Control(func(fd uintptr) { // not Read, which a deadline that is over would keep from looking
		var room [1]byte
		_, _, nothing = syscall.Recvfrom(int(fd), room[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return failed != nil || !errors.Is(nothing, syscall.EAGAIN)
}
