//go:build !unix

package http1

const peeks = false

func (c *conn) stale() bool { return true }
