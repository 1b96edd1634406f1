package main

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

// outputFlag is the flag of every command that has results. Embed it in the
// command.
type outputFlag struct {
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"${enum}; json is one object a line."`
}

func (f outputFlag) table() bool { return f.Output == "table" }

// A list writes results of one kind as they come, in bounded memory. A command
// that has none writes none, and says so on standard error where that helps.
type list struct {
	format   string
	out      io.Writer
	heading  string // not yet written; "": none
	table    *tabwriter.Writer
	rows     int
	flushing int // after how many rows the table is written
}

// tableBlock is how many rows are aligned with one another at most.
const tableBlock = 1000

// list begins a list whose table has this heading, or none.
func (f outputFlag) list(w *world, heading ...string) *list {
	return &list{
		format: f.Output, out: w.stdout, heading: strings.Join(heading, "\t"), flushing: tableBlock,
		table: tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0),
	}
}

// follow begins a list of what comes bit by bit: the heading and each row are
// written at once, in columns that fit most of what comes.
func (f outputFlag) follow(w *world, heading ...string) (*list, error) {
	l := f.list(w, heading...)
	l.flushing = 1
	l.table = tabwriter.NewWriter(w.stdout, 16, 0, 2, ' ', 0)
	if f.table() {
		l.begin()
	}
	return l, l.table.Flush()
}

// add writes one result: cells in a table, else value as encoding/json has it.
// Cells may come from strangers: what is not to be printed is made visible.
func (l *list) add(value any, cells ...string) error {
	if l.format != "table" {
		return encode(l.out, l.format, value)
	}
	l.begin()
	for i, cell := range cells {
		cells[i] = printable(cell)
	}
	fmt.Fprintln(l.table, strings.Join(cells, "\t"))
	if l.rows++; l.rows%l.flushing == 0 {
		return l.table.Flush()
	}
	return nil
}

// end writes what is not written yet.
func (l *list) end() error { return l.table.Flush() }

func (l *list) begin() {
	if l.heading != "" {
		fmt.Fprintln(l.table, l.heading)
		l.heading = ""
	}
}

// show writes a single result: value as encoding/json has it or, for people,
// what table writes.
func (f outputFlag) show(w *world, value any, table func(io.Writer) error) error {
	if f.table() {
		return table(w.stdout)
	}
	return encode(w.stdout, f.Output, value)
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
	if printable(s) != s || !unicode.IsLetter(first) && !unicode.IsDigit(first) {
		return []byte(strconv.Quote(s)), nil
	}
	return yaml.Marshal(s)
}

// printable writes what could move a terminal's cursor, or tear a table, as Go
// would in quotes.
func printable(s string) string {
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

// counted is how many there are of what a noun means.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
