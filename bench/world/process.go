package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
)

// A process is the service, or what is measured in its place.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended <-chan struct{} // closed when it is over
	asked atomic.Bool     // it was told to end
}

// start starts a process, whose output goes to the log.
func start(argv, env []string, log string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()                        // the process has its own
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // the purpose is to run it, and stop ends it
	cmd.Env, cmd.Stdout, cmd.Stderr = env, file, file
	ended, err := realstack.Spawn(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return &process{cmd: cmd, log: log, ended: ended}, nil
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop ends it in an orderly way, or else after some seconds, in which it makes no
// further attempts.
func (p *process) stop() {
	p.asked.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it is over
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		p.kill()
	}
}

// kill ends it at once, with the processes that it has started.
func (p *process) kill() {
	if !p.over() {
		killGroup(p.cmd.Process.Pid)
	}
	<-p.ended
}

// cpu is how long it has worked, in user and kernel mode.
func (p *process) cpu() time.Duration {
	if p.over() {
		return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	}
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "stat"))
	if err != nil {
		return 0
	}
	return cpuOf(string(text))
}

// cpuOf reads a line of proc_pid_stat(5). The name, which may have blanks in it,
// ends with the last parenthesis; user and system time are the twelfth and
// thirteenth field after it, in hundredths of a second.
func cpuOf(stat string) time.Duration {
	const user, system, hundredth = 11, 12, 10 * time.Millisecond
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) <= system {
		return 0
	}
	var u, s int64
	_, _ = fmt.Sscan(fields[user], &u)
	_, _ = fmt.Sscan(fields[system], &s)
	return time.Duration(u+s) * hundredth
}

// peak is the most memory that it has had resident, in bytes. What is over is not
// asked.
func (p *process) peak() (bytes int64) {
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			_, _ = fmt.Sscan(rest, &bytes)
		}
	}
	return bytes << 10
}

// tail is the end of its log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}

// command runs a command of leadhook to its end.
func command(ctx context.Context, env []string, stdin string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the arguments are ours
	cmd.Env, cmd.Stdin = env, strings.NewReader(stdin)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("leadhook %s: %w\n%s", strings.Join(argv[1:], " "), err, errs.String())
	}
	return string(out), nil
}
