package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// OutputFlag is the flag of every command that has results. Embed it in the
// command.
type OutputFlag struct {
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"${enum}; json is one object a line."`
}

func (f OutputFlag) Table() bool { return f.Output == "table" }

// A List writes results of one kind as they come, in bounded memory. A command
// that has none writes none, and says so on standard error where that helps.
type List struct {
	format   string
	out      io.Writer
	heading  string // not yet written; "": none
	table    *tabwriter.Writer
	rows     int
	flushing int // after how many rows the table is written
}

// tableBlock is how many rows are aligned with one another at most.
const tableBlock = 1000

// List begins a list whose table has this heading, or none.
func (f OutputFlag) List(t *Terminal, heading ...string) *List {
	return &List{
		format: f.Output, out: t.Stdout, heading: strings.Join(heading, "\t"), flushing: tableBlock,
		table: tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0),
	}
}

// Follow begins a list of what comes bit by bit: the heading and each row are
// written at once, in columns that fit most of what comes.
func (f OutputFlag) Follow(t *Terminal, heading ...string) (*List, error) {
	l := f.List(t, heading...)
	l.flushing = 1
	l.table = tabwriter.NewWriter(t.Stdout, 16, 0, 2, ' ', 0)
	if f.Table() {
		l.begin()
	}
	return l, l.table.Flush()
}

// Add writes one result: cells in a table, else value as encoding/json has it.
// Cells may come from strangers: what is not to be printed is made visible.
func (l *List) Add(value any, cells ...string) error {
	if l.format != "table" {
		return encode(l.out, l.format, value)
	}
	l.begin()
	for i, cell := range cells {
		cells[i] = Printable(cell)
	}
	fmt.Fprintln(l.table, strings.Join(cells, "\t"))
	if l.rows++; l.rows%l.flushing == 0 {
		return l.table.Flush()
	}
	return nil
}

// End writes what is not written yet.
func (l *List) End() error { return l.table.Flush() }

func (l *List) begin() {
	if l.heading != "" {
		fmt.Fprintln(l.table, l.heading)
		l.heading = ""
	}
}

// Show writes a single result: value as encoding/json has it or, for people,
// what table writes.
func (f OutputFlag) Show(t *Terminal, value any, table func(io.Writer) error) error {
	if f.Table() {
		return table(t.Stdout)
	}
	return encode(t.Stdout, f.Output, value)
}

// encode writes value as a line of JSON or as a document of YAML, with the same
// names in it.
func encode(out io.Writer, format string, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	if err == nil && format == "yaml" {
		err = toYAML(&text)
	}
	if err != nil {
		return err
	}
	_, err = text.WriteTo(out)
	return err
}

// toYAML turns JSON into YAML: no value can show in one that the other hides.
func toYAML(text *bytes.Buffer) error {
	var value any
	if err := yaml.UnmarshalWithOptions(text.Bytes(), &value, yaml.UseOrderedMap()); err != nil {
		return err
	}
	text.Reset()
	text.WriteString("---\n")
	return yaml.NewEncoder(text, yaml.CustomMarshaler(yamlText), yaml.IndentSequence(true)).Encode(value)
}

// yamlText quotes what the library would write as it is, and YAML does not
// allow: control characters, which a terminal would obey, and what looks like
// the beginning of something else, such as "? key". Go's quoting is YAML's too.
func yamlText(s string) ([]byte, error) {
	first, _ := utf8.DecodeRuneInString(s)
	if Printable(s) != s || !unicode.IsLetter(first) && !unicode.IsDigit(first) {
		return []byte(strconv.Quote(s)), nil
	}
	return yaml.Marshal(s)
}

// Printable writes what could move a terminal's cursor, or tear a table, as Go
// would in quotes.
func Printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if unprintable(r) {
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// Counted is how many there are of what a noun means.
func Counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Dash stands in a table for what there is not.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
