//go:build !linux

package realstack

import "syscall"

func diesWithParent() *syscall.SysProcAttr { return nil } // no such thing here: Close must do
