package realstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// startTimeout is how long a server may take to start, on a busy machine.
const startTimeout = 90 * time.Second

// A server is a process that can be killed and restarted in the same directory and
// with the same arguments.
type server struct {
	name  string
	dir   string // its own; Close removes it
	argv  []string
	ready func(context.Context) error // returns nil when the server serves

	cmd   *exec.Cmd       // nil before the first start
	ended <-chan struct{} // closed when cmd has ended
}

// newDir creates the directory of a server.
func newDir(name string) (string, error) {
	return os.MkdirTemp("", "leadhook-"+name+"-")
}

// start starts the server and returns when it is ready. If it returns an error, the
// process has ended.
func (s *server) start(ctx context.Context) error {
	if err := s.spawn(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %v", startTimeout))
	defer cancel()
	if err := s.awaitReady(ctx); err != nil {
		s.end(os.Kill)
		return fmt.Errorf("start %s: %w; its last lines:\n%s", s.name, err, s.Log())
	}
	return nil
}

func (s *server) spawn() error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()                             // the process has its own
	cmd := exec.Command(s.argv[0], s.argv[1:]...) //nolint:gosec,noctx // the arguments are ours; it outlives the context of its start
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	ended, err := Spawn(cmd)
	if err != nil {
		return err
	}
	s.cmd, s.ended = cmd, ended
	return nil
}

// awaitReady waits until the server is ready. It returns an error if the server
// ends, or ctx does.
func (s *server) awaitReady(ctx context.Context) error {
	for {
		asked, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := s.ready(asked)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// end sends the signal and waits until the process has ended. After ten seconds it
// sends SIGKILL.
func (s *server) end(signal os.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(signal) // fails only if it has already ended
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// Kill ends the server with SIGKILL and returns when it has ended.
func (s *server) Kill() { s.end(os.Kill) }

// Stop ends the server with SIGTERM, as an operator does, and returns when it has ended:
// after ten seconds with SIGKILL.
func (s *server) Stop() { s.end(syscall.SIGTERM) }

// Restart starts the server again, on the same ports and with the data on its disk.
// If it is running, Restart kills it first. It returns when the server is ready.
func (s *server) Restart(ctx context.Context) error {
	s.Kill()
	return s.start(ctx)
}

// Signal sends a signal, such as SIGSTOP and SIGCONT.
func (s *server) Signal(signal os.Signal) error { return s.cmd.Process.Signal(signal) }

// Close kills the server and removes its directory.
func (s *server) Close() error {
	s.Kill()
	return os.RemoveAll(s.dir)
}

// Log returns the last lines of the server's output, which restarts do not clear.
func (s *server) Log() string {
	const most = 8 << 10
	file, err := os.Open(s.logFile())
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, size-most), io.SeekStart)
	}
	text, _ := io.ReadAll(file)
	return string(text)
}

func (s *server) logFile() string { return filepath.Join(s.dir, "output.log") }
