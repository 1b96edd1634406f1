//go:build !linux

package main

import (
	"context"
	"errors"
)

var errLinux = errors.New("the world needs Linux, for namespaces and /proc")

func enter(context.Context, []string, []string) error { return errLinux }

func settle(string) error { return errLinux }

func killGroup(int) {}
