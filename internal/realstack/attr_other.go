//go:build !linux

package realstack

import "syscall"

// DiesWithParent returns nil: only Linux can do that. Elsewhere only Close ends a
// server.
func DiesWithParent() *syscall.SysProcAttr { return nil }
