//go:build !unix

package http1

const canPeek = false

func (c *conn) stale() bool { return true }

func (c *conn) await() error { return nil }
