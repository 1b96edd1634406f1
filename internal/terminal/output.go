package terminal

import "io"

// OutputFlag is the flag of every command that has results. Embed it in the
// command.
type OutputFlag struct {
	Output string `short:"o" enum:"table,wide,json,yaml" default:"table" help:"${enum}; a table on a terminal lacks what does not fit, wide has all; json is one object a line."`
}

// Table reports whether the results are for people.
func (f OutputFlag) Table() bool { return f.Output == "table" || f.Output == "wide" }

// Show writes a single result: value as encoding/json encodes it, or what table
// writes, for people.
func (f OutputFlag) Show(t *Terminal, value any, table func(io.Writer) error) error {
	if f.Table() {
		return table(t.Stdout)
	}
	return encode(t.Stdout, f.Output, value)
}
