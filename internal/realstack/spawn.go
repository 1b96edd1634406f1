package realstack

import (
	"os/exec"
	"runtime"
)

// Spawn starts a process, with the attributes of [DiesWithParent], and does not wait
// for it. The channel is closed when it has ended; cmd.ProcessState is valid from then
// on. The error is that of its start. What cmd has as its output must be files.
//
// The process is started on a thread that lives as long as it does, since the kernel
// ends it with that thread (prctl(2), PR_SET_PDEATHSIG).
func Spawn(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	cmd.SysProcAttr = DiesWithParent()
	started, over := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(over)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in ProcessState, and why in its output
		}
	}()
	return over, <-started
}
