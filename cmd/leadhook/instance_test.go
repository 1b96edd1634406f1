package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An instance is a `leadhook run` under way, within this process or as one of
// its own.
type instance struct {
	t      testing.TB
	log    *output
	signal func(os.Signal)
	ended  <-chan struct{}
	code   int // valid once ended is closed; -1: ended by a signal
}

// run starts the service within this process. It must have ended, without a
// fault, when the test does.
func (r *rig) run(environ ...string) *instance {
	r.t.Helper()
	i := r.begin(environ, "run")
	r.t.Cleanup(i.stop)
	return i
}

// begin starts a command within this process. Every signal is SIGTERM to it.
func (r *rig) begin(environ []string, args ...string) *instance {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	i := &instance{t: r.t, log: &output{}, signal: func(os.Signal) { cancel() }, ended: ended}
	w := &app{
		args: args, environ: append(r.environ[:len(r.environ):len(r.environ)], environ...),
		stdin: strings.NewReader(""), stdout: i.log, stderr: i.log,
	}
	go func() {
		defer close(ended)
		i.code = w.main(ctx)
	}()
	return i
}

// spawn starts the service as a process.
func (r *rig) spawn(environ ...string) *instance {
	r.t.Helper()
	return start(r.t, append(r.environ[:len(r.environ):len(r.environ)], environ...), "run")
}

// start starts any command as a process, both outputs in its log.
func start(t testing.TB, environ []string, args ...string) *instance {
	t.Helper()
	i := &instance{t: t, log: &output{}}
	cmd := command(t, environ, args...)
	cmd.Stdout, cmd.Stderr = i.log, i.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	i.ended, i.signal = ended, func(s os.Signal) { _ = cmd.Process.Signal(s) }
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the exit code says all
		i.code = cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		i.signal(os.Kill)
		<-ended
	})
	return i
}

// stop ends the service in an orderly way and waits until it has ended. By
// then it has written its log, and nothing else.
func (i *instance) stop() {
	i.t.Helper()
	i.end(syscall.SIGTERM)
	for line := range strings.Lines(i.log.String()) {
		if !json.Valid([]byte(line)) {
			i.t.Fatalf("this line of the log is not JSON: %s", line)
		}
	}
}

// end ends any command with a signal that it should end well by.
func (i *instance) end(signal os.Signal) {
	i.t.Helper()
	i.signal(signal)
	i.await()
	if i.code != exitDone {
		i.t.Errorf("ended with exit code %d:\n%s", i.code, i.tail())
	}
}

// kill ends a process with SIGKILL.
func (i *instance) kill() {
	i.t.Helper()
	i.signal(os.Kill)
	i.await()
}

func (i *instance) await() {
	i.t.Helper()
	select {
	case <-i.ended:
	case <-time.After(poll):
		i.t.Fatalf("still running after %v:\n%s", poll, i.tail())
	}
}

// tail is the end of the log.
func (i *instance) tail() string {
	text := i.log.String()
	return text[max(0, len(text)-4000):]
}

// admin is where the instance listens for questions, as its log says; empty:
// it has not said so yet.
func (i *instance) admin() string {
	for decoder := json.NewDecoder(readerOf(i.log)); ; {
		var line struct{ Msg, Address string }
		if err := decoder.Decode(&line); err != nil {
			return ""
		}
		if line.Msg == "serving health and metrics" {
			return line.Address
		}
	}
}

// readyz asks whether it is ready: the status, 0 if it does not answer, and
// the body.
func (i *instance) readyz() (int, string) {
	addr := i.admin()
	if addr == "" {
		return 0, ""
	}
	return get(i.t, "http://"+addr+"/readyz")
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

// ready waits until the instance says that it is.
func (i *instance) ready() *instance {
	i.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		status, body := i.readyz()
		if status == http.StatusOK {
			return i
		}
		if time.Now().After(deadline) {
			i.t.Fatalf("not within a minute: the service is ready; it says %d %s", status, body)
		}
	}
}

// notReady waits until the instance says that it is not, with this in the cause.
func (i *instance) notReady(cause string) {
	i.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		status, body := i.readyz()
		if status == http.StatusServiceUnavailable && strings.Contains(body, cause) {
			return
		}
		if time.Now().After(deadline) {
			i.t.Fatalf("not within a minute: not ready because of %q; it says %d %s", cause, status, body)
		}
	}
}
