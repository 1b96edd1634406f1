package realstack

import "syscall"

// diesWithParent also takes the process out of the terminal's group, so that
// Ctrl-C reaches the test first, which then ends its servers.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
