package main

import (
	"io"
	"os"
	"testing"

	"github.com/creack/pty"
)

// atTerminal is an app whose streams are a terminal, and the person's side of
// it.
func atTerminal(t *testing.T, environ ...string) (w *app, person *os.File, screen *output) {
	t.Helper()
	person, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	screen = &output{}
	shown := make(chan struct{})
	go func() { _, _ = io.Copy(screen, person); close(shown) }()
	t.Cleanup(func() { _ = terminal.Close(); <-shown; _ = person.Close() })
	return &app{environ: environ, stdin: terminal, stdout: terminal, stderr: terminal}, person, screen
}
