package realstack

import "syscall"

// DiesWithParent returns attributes with which the kernel ends the process when its
// parent dies. They also put it into a process group of its own, so that Ctrl-C
// reaches only the test, which then ends its servers.
func DiesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
