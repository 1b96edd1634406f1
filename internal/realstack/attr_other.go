//go:build !linux

package realstack

import "syscall"

// diesWithParent returns nil: only Linux can do that. Elsewhere only Close ends a
// server.
func diesWithParent() *syscall.SysProcAttr { return nil }
