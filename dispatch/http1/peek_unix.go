//go:build unix

package http1

import "syscall"

const peeks = true

// stale says whether the other side has closed the connection, or has sent what
// nobody asked for.
func (c *conn) stale() bool {
	var err error
	failed := c.raw.Read(func(fd uintptr) bool {
		var room [1]byte
		_, _, err = syscall.Recvfrom(int(fd), room[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return failed != nil || err != syscall.EAGAIN //nolint:errorlint // a number
}
