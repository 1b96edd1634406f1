package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// beLeadhook makes the test binary the program itself, for what takes a
// process of its own: signals and SIGKILL. Its value is anything but nothing.
const beLeadhook = "E2E_BE_LEADHOOK"

func TestMain(m *testing.M) {
	if os.Getenv(beLeadhook) != "" {
		go endWithParent()
		main()
	}
	// The service limits the heap of its process, but here Kafka is in it too.
	_ = os.Setenv("GOMEMLIMIT", "off")
	code := m.Run()
	for _, f := range atTheEnd {
		f()
	}
	// kafka-go ends a request only with its answer: that of "dlq tail" may take
	// a second.
	leaked := goleak.Find()
	for deadline := time.Now().Add(5 * time.Second); leaked != nil && time.Now().Before(deadline); {
		leaked = goleak.Find()
	}
	if code == 0 && leaked != nil {
		fmt.Fprintln(os.Stderr, leaked)
		code = 1
	}
	os.Exit(code)
}

// endWithParent ends a process that a test started and did not live to end:
// the pipe that it inherited closes with the test.
func endWithParent() {
	_, _ = io.Copy(io.Discard, os.NewFile(3, "parent"))
	os.Exit(99)
}

// command is leadhook as a process, not yet started.
func command(t testing.TB, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close(); _ = ours.Close() })
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(withoutLeadhook(os.Environ()), append(environ, beLeadhook+"=1", "GOMEMLIMIT=")...)
	cmd.ExtraFiles = []*os.File{ours}
	return cmd
}

// withoutLeadhook keeps what a developer has set for leadhook out of tests.
func withoutLeadhook(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, "LEADHOOK_") {
			kept = append(kept, entry)
		}
	}
	return kept
}
