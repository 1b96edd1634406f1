//go:build !unix

package http1

// peeks is false where nobody can look whether a connection is closed without
// waiting for it.
const peeks = false

func (c *conn) stale() bool { return true }
