// Package terminal is what a command knows of the outside: its streams and
// environment, results as tables, JSON or YAML, progress, questions and input.
//
// It knows whether a person sits there and shows to programs what they can
// read. It knows nothing of leads, settings or servers.
package terminal

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// A Terminal is a command's streams and environment. Tests make their own.
type Terminal struct {
	Environ []string
	Stdin   io.Reader
	Stdout  io.Writer // results
	Stderr  io.Writer // everything else
}

// Variable is an environment variable's value; "" if it is not set.
func (t *Terminal) Variable(name string) string {
	i := slices.IndexFunc(t.Environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	if i < 0 {
		return ""
	}
	return t.Environ[i][len(name)+1:]
}

// IsTerminal reports whether a person reads, or types, what goes through stream.
func IsTerminal(stream any) bool {
	_, ok := terminalOf(stream)
	return ok
}

// width returns the width of the terminal that stream is; 0 if it is none, or
// one that does not tell.
func width(stream any) int {
	fd, ok := terminalOf(stream)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(fd)
	if err != nil {
		return 0
	}
	return columns
}

func terminalOf(stream any) (fd int, ok bool) {
	if out, ok := stream.(*Results); ok {
		stream = out.out
	}
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// A UsageError is the caller's: wrong flags, wrong settings.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// ErrShown makes a command fail without another word: what is wrong was its
// result, and is printed.
var ErrShown = errors.New("shown already")
