package seedfile

import (
	"fmt"
	"slices"
	"strings"
)

// A Position is a place in a seed file. Lines and columns count from 1.
type Position struct {
	File         string
	Line, Column int
}

// String returns the form that editors jump to: file:line:column.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// A Fault is one thing that is wrong in a seed file. Its text quotes no value that
// could be a secret.
type Fault struct {
	At   Position
	Text string
}

func (f *Fault) Error() string { return f.At.String() + ": " + f.Text }

// Faults is the error of reading seed files: everything that is wrong with
// them, in their order.
type Faults []*Fault

// maxFaultsShown keeps the error short if a file is not a seed file at all.
const maxFaultsShown = 100

// Error returns a line for each fault, for the first hundred at most.
func (f Faults) Error() string {
	var lines []string
	for _, fault := range f[:min(len(f), maxFaultsShown)] {
		lines = append(lines, fault.Error())
	}
	if more := len(f) - maxFaultsShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more faults", more))
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the single faults.
func (f Faults) Unwrap() []error {
	errs := make([]error, len(f))
	for i, fault := range f {
		errs[i] = fault
	}
	return errs
}

func (f *Faults) add(at Position, format string, args ...any) {
	*f = append(*f, &Fault{At: at, Text: fmt.Sprintf(format, args...)})
}

// err returns nil if there are no faults, and otherwise the faults in the order of
// the file.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b *Fault) int {
		if a.At.Line != b.At.Line {
			return a.At.Line - b.At.Line
		}
		return a.At.Column - b.At.Column
	})
	return f
}
