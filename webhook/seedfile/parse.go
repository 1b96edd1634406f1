package seedfile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/leadhook/leadhook/internal/suggest"
	"github.com/leadhook/leadhook/webhook/rules"
)

// MaxSize is the largest seed file, in bytes: some 200,000 webhooks. Larger
// seeds are several files.
const MaxSize = 64 << 20

// maxPiece is the largest text, in bytes, that is given to the YAML library at once,
// which takes up to 400 times as much memory. A file that is a plain list of webhooks
// is given to it webhook by webhook.
const maxPiece = 256 << 10

// Options are the settings of [Parse] and [Merge]. The zero value allows every address
// and knows no variable.
type Options struct {
	// PerAdvertiser is how many webhooks an advertiser may have. Zero means
	// [rules.PerAdvertiser].
	PerAdvertiser int

	// CheckURL is the operator's policy for addresses. Its error becomes a fault
	// of the url. nil allows every address.
	CheckURL func(*url.URL) error

	// Variable returns the value of a variable that a secret refers to as ${NAME}. Its
	// error continues the sentence "authorization refers to the environment variable
	// NAME, …". nil knows no variable.
	Variable func(name string) (string, error)

	// Progress is called after each webhook of a plain list with the number of bytes
	// that are read and of all. It may be nil.
	Progress func(done, of int)
}

// Parse reads one seed file, YAML 1.2 or JSON, which is a subset of it: the key
// webhooks with a list of webhooks. name stands for the file in positions.
//
// If anything is wrong, Parse returns no webhooks, and an error of type [Faults]
// with everything that is wrong. If ctx ends, the error is its cause. Numbers
// where text is expected are taken as they are written. YAML's tags and merge
// keys are refused.
func Parse(ctx context.Context, name string, data []byte, opts Options) ([]Entry, error) {
	r := &reader{Options: opts, file: name, anchors: make(map[string]ast.Node), first: make(map[string]int), count: make(map[string]int)}
	if text, ok := r.clean(data); ok {
		r.read(ctx, text)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("reading %s: %w", name, context.Cause(ctx))
	}
	r.faults = append(r.faults, crowded(opts, r.hooks)...)
	if err := r.faults.err(); err != nil {
		return nil, err
	}
	return r.hooks, nil
}

// Merge joins the webhooks of several seed files, read with the same options. The
// error is of type [Faults]. It has every id that is given more than once, with both
// positions, and every advertiser that has more webhooks than it may.
func Merge(opts Options, files ...[]Entry) (Webhooks, error) {
	if faults := append(repeated(files...), crowded(opts, files...)...); len(faults) > 0 {
		return nil, faults
	}
	var hooks Webhooks
	for _, file := range files {
		hooks = slices.Grow(hooks, len(file))
		for i := range file {
			hooks = append(hooks, &file[i])
		}
	}
	return hooks, nil
}

// repeated returns a fault for each id that is given more than once.
func repeated(files ...[]Entry) (faults Faults) {
	first := make(map[string]*Entry)
	for _, file := range files {
		for i := range file {
			h := &file[i]
			if other, taken := first[h.ID()]; !taken {
				first[h.ID()] = h
			} else if faults.repeated(h, other); len(faults) >= maxFaults {
				return faults
			}
		}
	}
	return faults
}

// repeated adds the fault of a webhook whose id another one before it has.
func (f *Faults) repeated(h, other *Entry) {
	if other.Advertiser() == h.Advertiser() {
		f.add(h.At, "webhook %q is given twice, first at %s", h.ID(), other.At)
		return
	}
	f.add(h.At, "webhook %q is given to advertiser %q here and to %q at %s: an id belongs to one advertiser",
		h.ID(), h.Advertiser(), other.Advertiser(), other.At)
}

// crowded returns a fault for each advertiser that has more webhooks than it may, at
// the first one too many.
func crowded(opts Options, files ...[]Entry) (faults Faults) {
	most := cmp.Or(opts.PerAdvertiser, rules.PerAdvertiser)
	count := make(map[string]int)
	var tooMany []*Entry
	for _, file := range files {
		for i := range file {
			advertiser := file[i].Advertiser()
			if count[advertiser]++; count[advertiser] == most+1 && advertiser != "" {
				tooMany = append(tooMany, &file[i])
			}
		}
	}
	for _, h := range tooMany {
		faults.add(h.At, "advertiser %q has %d webhooks, at most %d are allowed (webhooks.per_advertiser): this is the first one too many",
			h.Advertiser(), count[h.Advertiser()], most)
	}
	return faults
}

// A reader turns the text of one seed file into webhooks and faults.
type reader struct {
	Options

	file    string
	begins  piece   // what is being read, and where it begins
	hooks   []Entry // all that have an id, the faulty ones too
	faults  Faults
	anchors map[string]ast.Node
	first   map[string]int // by id, the first of hooks that has it
	count   map[string]int // webhooks by advertiser
	list    bool           // it is read webhook by webhook
	ended   bool           // by a fault after which reading on would cost too much
}

func (r *reader) at(tk *token.Token) Position {
	line, column := 1, 1
	if tk != nil && tk.Position != nil {
		line, column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
	}
	if line == 1 {
		column += r.begins.column
	}
	return Position{File: r.file, Line: line + r.begins.line, Column: column}
}

// clean returns the file's text, or false after a fault. It makes all line breaks
// alike (YAML 1.2 §5.4): the library counts those of Windows twice after a comment.
func (r *reader) clean(data []byte) (string, bool) {
	if len(data) > MaxSize {
		r.faults.add(r.at(nil), "the file has %d bytes, at most %d are allowed: divide it into several files",
			len(data), MaxSize)
		return "", false
	}
	if !utf8.Valid(data) {
		r.faults.add(Position{r.file, badLine(data), 1}, "the file is not valid UTF-8 in this line")
		return "", false
	}
	return strings.ReplaceAll(string(bytes.TrimPrefix(data, []byte("\ufeff"))), "\r\n", "\n"), true
}

// read reads the file webhook by webhook if it is a plain list of them, and
// otherwise in one piece.
func (r *reader) read(ctx context.Context, text string) {
	count, ok := split(text, func(piece) bool { return true })
	if !ok {
		if docs, ok := r.parse(text); ok {
			r.documents(docs)
		}
		return
	}
	const shortest = 64 // bytes of a webhook that has what it must have
	r.list, r.hooks = true, make([]Entry, 0, min(count, len(text)/shortest))
	read := 0
	split(text, func(p piece) bool {
		if read += len(p.text); r.Progress != nil {
			r.Progress(read, len(text))
		}
		r.begins = p
		docs, _ := r.parse(p.text)
		for _, doc := range docs {
			r.collectAnchors(doc.Body)
			if _, inList := doc.Body.(*ast.SequenceNode); inList {
				r.webhooks(doc.Body)
			} else {
				r.webhook(doc.Body)
			}
		}
		return !r.ended && len(r.faults) < maxFaults && ctx.Err() == nil
	})
}

// parse returns the documents of a text, or false after a fault.
func (r *reader) parse(text string) (docs []*ast.DocumentNode, ok bool) {
	if len(text) > maxPiece {
		r.faults.add(r.at(nil), "%d bytes in one piece, at most %d are allowed: a larger file is the key webhooks and "+
			"below it a list of webhooks, each beginning with a hyphen, or the same as JSON", len(text), maxPiece)
		return nil, false
	}
	// The text is not trusted, and the parser may have bugs: a panic in it counts as
	// a fault of the file.
	defer func() {
		if p := recover(); p != nil {
			r.faults.add(r.at(nil), "the file cannot be read as YAML or JSON")
			docs, ok = nil, false
		}
	}()
	tokens := lexer.Tokenize(text)
	if !r.plain(tokens) {
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil, false
	}
	return file.Docs, true
}

func badLine(data []byte) int {
	line := 1
	for text := range bytes.Lines(data) {
		if !utf8.Valid(text) {
			break
		}
		line++
	}
	return line
}

// syntax adds the position and message of the parser's error as a fault, without
// its excerpt of the file, which may show a secret.
func (r *reader) syntax(err error) {
	if fault, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		r.faults.add(r.at(fault.Token), "not YAML or JSON: %s", fault.Message)
		return
	}
	r.faults.add(r.at(nil), "the file cannot be read as YAML or JSON")
}

// Limits for what the parser needs more than linear time or memory for. A file with
// more is refused before it is parsed; no seed file needs more.
const (
	maxNesting = 16
	maxAnchors = 256
	maxTokens  = 2000 // of a webhook
)

// maxFaults is how many faults end the reading of a file: it is not a seed file at all,
// and aliases could repeat a fault endlessly.
const maxFaults = 200

// plain reports whether all tokens are of kinds that a seed file may have. If
// not, it adds a fault.
func (r *reader) plain(tokens token.Tokens) bool {
	nesting, dashes, anchors := 0, 0, len(r.anchors)
	for _, tk := range tokens {
		if slices.Contains(unsupported, tk.Type) {
			r.faults.add(r.at(tk), "tags, directives, merge keys and complex keys are not supported: "+
				"put text in quotes, write the fields out")
			return false
		}
		nesting += nests[tk.Type]
		dashes++
		if tk.Type != token.SequenceEntryType {
			dashes = 0
		}
		if tk.Type == token.AnchorType {
			anchors++
		}
		if nesting > maxNesting || dashes > maxNesting || anchors > maxAnchors {
			r.faults.add(r.at(tk), "more than %d nested lists or %d anchors: no seed file needs that many", maxNesting, maxAnchors)
			r.ended = true
			return false
		}
	}
	if r.list && len(tokens) > maxTokens {
		r.faults.add(r.at(tokens[maxTokens]), "more than %d words and marks in one webhook: none needs that many", maxTokens)
		r.ended = true
		return false
	}
	return true
}

var (
	unsupported = []token.Type{token.TagType, token.MappingKeyType, token.DirectiveType, token.MergeKeyType}
	nests       = map[token.Type]int{
		token.MappingStartType: 1, token.SequenceStartType: 1, token.MappingEndType: -1, token.SequenceEndType: -1,
	}
)

func (r *reader) documents(docs []*ast.DocumentNode) {
	found := false
	for _, doc := range docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType {
			continue
		}
		clear(r.anchors) // they are a document's own
		r.collectAnchors(doc.Body)
		found = true
		r.mapping(doc.Body, "the file", func(key *token.Token, value ast.Node) bool {
			if key.Value == "webhooks" {
				r.webhooks(value)
			} else {
				r.unknown(key, "key", []string{"webhooks"})
			}
			return true
		})
	}
	if !found {
		r.faults.add(r.at(nil), "the file is empty: it must have the key webhooks with a list of webhooks")
	}
}

func (r *reader) webhooks(node ast.Node) {
	items, ok := r.sequence(node, "webhooks must be a list: each webhook begins with a hyphen")
	if !ok {
		return
	}
	for _, item := range items {
		if len(r.faults) >= maxFaults {
			return
		}
		r.webhook(item)
	}
}

func (r *reader) unknown(key *token.Token, what string, known []string) {
	hint := ""
	if near := nearest(key.Value, known); len(near) > 0 {
		hint = fmt.Sprintf(", did you mean %s?", near[0])
	}
	r.faults.add(r.at(key), "unknown %s %q%s", what, shorten(key.Value), hint)
}

// nearest returns the known names that are most similar to a given name, which must be
// short. It does not suggest a name that differs in every letter.
func nearest(given string, known []string) []string {
	const far, longest = 2, 64
	if len(given) > longest {
		return nil
	}
	return suggest.Nearest(slices.Values(known), far, func(name string) int {
		d := suggest.Distance(given, name)
		if d >= len(name) {
			return far + 1
		}
		return d
	})
}

// shorten makes a name from the file fit into a line.
func shorten(name string) string {
	const longest = 64
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "") + "..."
}
