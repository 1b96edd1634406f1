package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/leadhook/leadhook/internal/realstack"
)

// enter runs this program again in a network and a file system of its own, with the
// arguments and variables given, and returns when it has ended. There, the ports
// are all free, and names are asked for at our own server. Whoever is not root is
// root there.
func enter(ctx context.Context, args, env []string) error {
	runtime.LockOSThread() // the kernel ends the child with the thread that started it
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // it is this program
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = realstack.DiesWithParent()
	cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNET | unix.CLONE_NEWNS
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return refused(err)
	}
	return cmd.Wait()
}

// refused tells what to do about an error of the kernel.
func refused(err error) error {
	const advice = "the world needs a network and mounts of its own, which this machine refuses (%w).\n" +
		"Run it as root; in a container, with the capabilities SYS_ADMIN and NET_ADMIN and without a seccomp or AppArmor profile.\n" +
		"Or allow user namespaces: sysctl user.max_user_namespaces=10000 and, if it is there, kernel.apparmor_restrict_unprivileged_userns=0"
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf(advice, err)
	}
	return err
}

// settle makes the namespaces what the world needs: loopback is up, and names are
// asked for there. dir is for a file.
func settle(dir string) error {
	if err := loopbackUp(); err != nil {
		return refused(os.NewSyscallError("set loopback up", err))
	}
	resolv := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(resolv, []byte("nameserver 127.0.0.1\n"), 0o600); err != nil { //nolint:gosec // in a directory of ours
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return refused(os.NewSyscallError("mount", err)) // what follows would be seen outside
	}
	if err := unix.Mount(resolv, "/etc/resolv.conf", "", unix.MS_BIND, ""); err != nil {
		return refused(os.NewSyscallError("replace /etc/resolv.conf", err))
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// killGroup kills all processes of a group. That there is none left is no error.
func killGroup(leader int) { _ = unix.Kill(-leader, unix.SIGKILL) }
