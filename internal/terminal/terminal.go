// Package terminal is how a command talks to whoever started it: it has the
// streams and the environment, writes results as tables, JSON or YAML, shows
// progress, asks questions and reads input.
//
// It knows whether a person or a program is at the other end. It knows nothing
// of leads, settings or servers.
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

// Variable returns the value of an environment variable, or "" if it is not set.
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

// width returns the number of columns of the terminal behind stream, or 0 if
// there is no terminal or its size is unknown.
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

// A UsageError is a mistake of whoever started the command: wrong flags or wrong
// settings. The exit code is 2.
type UsageError struct{ Err error }

// Error returns the text of Err.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *UsageError) Unwrap() error { return e.Err }

// ErrShown makes a command fail without an error message, since its result says
// what is wrong. The exit code is 1.
var ErrShown = errors.New("shown already")
