//go:build !linux

package main

import (
	"context"
	"errors"
	"syscall"
)

var errLinux = errors.New("the world needs Linux, for namespaces and /proc")

func enter(context.Context, []string, []string) error { return errLinux }

func settle(string) error { return errLinux }

func killGroup(int) {}

func diesWithParent() *syscall.SysProcAttr { return nil }
