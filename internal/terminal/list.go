package terminal

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// A List writes results of one kind as they come, in bounded memory. If there
// are none it writes nothing; the command says so on standard error where that
// helps.
type List struct {
	flag    OutputFlag
	out     io.Writer
	heading []string // not yet written; nil if there is no heading
	table   *tabwriter.Writer
	width   int // of the terminal; 0 if nothing is cut

	minimal int        // width of a column at least
	rows    [][]string // not yet written
	block   int        // after how many rows they are written
	spare   []string   // columns that may be left out, the first one first
	hidden  []bool     // columns that are left out; nil before that is decided
}

const (
	tableBlock = 1000 // rows that are aligned with one another at most
	padding    = 2    // between two columns
	lastColumn = 16   // width of the last column for which others are left out
)

// List begins a list whose table has this heading, or none.
func (f OutputFlag) List(t *Terminal, heading ...string) *List {
	l := &List{flag: f, out: t.Stdout, heading: heading, block: tableBlock}
	if f.Output == "table" && heading != nil { // what has no columns is sentences
		l.width = width(t.Stdout)
	}
	l.align()
	return l
}

// Follow begins a list of results that arrive over time: the heading and each row
// are written at once, in columns wide enough for most values. spare is as in
// [List.Spare].
func (f OutputFlag) Follow(t *Terminal, spare []string, heading ...string) (*List, error) {
	l := f.List(t, heading...).Spare(spare...)
	l.block, l.minimal = 1, 16
	l.align()
	if !f.Table() {
		return l, nil
	}
	return l, l.write()
}

func (l *List) align() {
	out := l.out
	if l.width > 0 {
		out = &cutter{out: out, width: l.width}
	}
	l.table = tabwriter.NewWriter(out, l.minimal, 0, padding, ' ', 0)
}

// Spare names columns that are left out, the first one first, where a terminal
// is too narrow for all. It returns the list.
func (l *List) Spare(columns ...string) *List {
	l.spare = columns
	return l
}

// Add writes one result: cells in a table, else value as encoding/json encodes it.
// Cells may contain anything: what is not printable is escaped.
func (l *List) Add(value any, cells ...string) error {
	if !l.flag.Table() {
		return encode(l.out, l.flag.Output, value)
	}
	for i, cell := range cells {
		cells[i] = Printable(cell)
	}
	l.rows = append(l.rows, cells)
	if len(l.rows) < l.block {
		return nil
	}
	return l.write()
}

// End writes what is not written yet.
func (l *List) End() error {
	if len(l.rows) == 0 {
		return nil
	}
	return l.write()
}

// write writes the rows that there are.
func (l *List) write() error {
	if l.heading != nil {
		l.rows = append([][]string{l.heading}, l.rows...)
	}
	if l.hidden == nil {
		l.hidden = l.leaveOut()
	}
	for _, row := range l.rows {
		shown := make([]string, 0, len(row))
		for i, cell := range row {
			if i >= len(l.hidden) || !l.hidden[i] {
				shown = append(shown, cell)
			}
		}
		fmt.Fprintln(l.table, strings.Join(shown, "\t"))
	}
	l.heading, l.rows = nil, nil
	return l.table.Flush()
}

// leaveOut decides, by the heading and the first rows, which columns are left
// out so that the last one has some width.
func (l *List) leaveOut() []bool {
	hidden := make([]bool, len(l.heading))
	if l.width == 0 || len(l.heading) == 0 {
		return hidden
	}
	widths := make([]int, len(l.heading))
	for _, row := range l.rows {
		for i, cell := range row[:min(len(row), len(widths))] {
			widths[i] = max(widths[i], l.minimal, utf8.RuneCountInString(cell)+padding)
		}
	}
	last := len(widths) - 1
	left := l.width
	for _, w := range widths[:last] {
		left -= w
	}
	for _, name := range l.spare {
		if left >= min(lastColumn, widths[last]-padding) {
			break
		}
		if i := slices.Index(l.heading, name); i >= 0 {
			hidden[i] = true
			left += widths[i]
		}
	}
	return hidden
}

// A cutter cuts lines to a width, so that a terminal does not wrap them.
type cutter struct {
	out   io.Writer
	width int
	line  []byte // not yet ended
}

func (c *cutter) Write(p []byte) (int, error) {
	for text := range strings.Lines(string(p)) {
		c.line = append(c.line, text...)
		if !strings.HasSuffix(text, "\n") {
			break
		}
		line := cut(strings.TrimSuffix(string(c.line), "\n"), c.width)
		c.line = c.line[:0]
		if _, err := io.WriteString(c.out, line+"\n"); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// cut returns text in a width, with … in place of what does not fit.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return strings.TrimRight(string(runes[:width-1]), " ") + "…"
}
