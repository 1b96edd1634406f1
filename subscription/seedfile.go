package subscription

import (
	"bytes"
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

	"github.com/leadhook/leadhook/lead"
)

// MaxSeedFile is the largest seed file, in bytes: some 25,000 webhooks. Larger
// seeds are several files.
const MaxSeedFile = 8 << 20

// A SeedWebhook is a webhook and where it stands in its seed file.
type SeedWebhook struct {
	Webhook lead.Webhook
	At      Position
}

// ParseSeed reads one seed file, YAML 1.2 or JSON, which is a subset of it:
// the key webhooks with a list of webhooks. name stands for the file in
// positions. checkURL is the operator's policy for addresses; its error
// becomes a fault of the url; nil allows every address.
//
// The error is of type [Faults] and has everything that is wrong; then no
// webhooks are returned. Numbers where text is expected are taken as they are
// written. YAML's tags and merge keys are refused.
func ParseSeed(name string, data []byte, checkURL func(*url.URL) error) ([]SeedWebhook, error) {
	r := &seedReader{file: name, checkURL: checkURL}
	if docs, ok := r.parse(data); ok {
		r.documents(docs)
	}
	_, repeated := merge(r.hooks)
	r.faults = append(r.faults, repeated...)
	if err := r.faults.err(); err != nil {
		return nil, err
	}
	return r.hooks, nil
}

// MergeSeeds joins what several seed files hold. The error is of type [Faults]
// and has every id that is given more than once, with both places.
func MergeSeeds(files ...[]SeedWebhook) ([]lead.Webhook, error) {
	hooks, faults := merge(slices.Concat(files...))
	if len(faults) > 0 {
		return nil, faults
	}
	return hooks, nil
}

func merge(all []SeedWebhook) (hooks []lead.Webhook, faults Faults) {
	first := make(map[string]SeedWebhook, len(all))
	for _, h := range all {
		hooks = append(hooks, h.Webhook)
		other, taken := first[h.Webhook.ID]
		switch {
		case !taken:
			first[h.Webhook.ID] = h
		case other.Webhook.Advertiser != h.Webhook.Advertiser:
			faults.add(h.At, "webhook %q is given to advertiser %q here and to %q at %s: an id belongs to one advertiser",
				h.Webhook.ID, h.Webhook.Advertiser, other.Webhook.Advertiser, other.At)
		default:
			faults.add(h.At, "webhook %q is given twice, first at %s", h.Webhook.ID, other.At)
		}
	}
	return hooks, faults
}

// A seedReader turns the text of one seed file into webhooks and faults.
type seedReader struct {
	file     string
	checkURL func(*url.URL) error
	hooks    []SeedWebhook // all that have an id, the faulty ones too
	faults   Faults
	anchors  map[string]ast.Node
}

func (r *seedReader) at(tk *token.Token) Position {
	if tk == nil || tk.Position == nil {
		return Position{File: r.file, Line: 1, Column: 1}
	}
	return Position{File: r.file, Line: max(tk.Position.Line, 1), Column: max(tk.Position.Column, 1)}
}

// parse returns the documents of the file, or false after a fault.
func (r *seedReader) parse(data []byte) (docs []*ast.DocumentNode, ok bool) {
	if len(data) > MaxSeedFile {
		r.faults.add(r.at(nil), "the file has %d bytes, at most %d are allowed: divide it into several files",
			len(data), MaxSeedFile)
		return nil, false
	}
	if !utf8.Valid(data) {
		r.faults.add(Position{r.file, badLine(data), 1}, "the file is not valid UTF-8 in this line")
		return nil, false
	}
	// The parser is not ours and the text is a stranger's: whatever goes wrong
	// in there is a fault of the file.
	defer func() {
		if p := recover(); p != nil {
			r.faults.add(r.at(nil), "the file cannot be read as YAML or JSON")
			docs, ok = nil, false
		}
	}()
	// A line break is one, however it is written (YAML 1.2 §5.4); the library
	// counts those of Windows twice after a comment.
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	tokens := lexer.Tokenize(string(data))
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

// syntax takes place and message from the parser's error, not its excerpt of
// the file, which may show a secret.
func (r *seedReader) syntax(err error) {
	if fault, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		r.faults.add(r.at(fault.Token), "not YAML or JSON: %s", fault.Message)
		return
	}
	r.faults.add(r.at(nil), "the file cannot be read as YAML or JSON")
}

// What the parser handles in more than linear time or memory is refused
// before it sees it. No seed needs more.
const (
	maxNesting = 16
	maxAnchors = 256
)

// maxFaults ends the reading of a file that is no seed at all: aliases could
// repeat a fault for ever.
const maxFaults = 1000

// plain says whether the tokens are what a seed file is made of.
func (r *seedReader) plain(tokens token.Tokens) bool {
	nesting, dashes, anchors := 0, 0, 0
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
			r.faults.add(r.at(tk), "more than %d nested lists or %d anchors: no seed file has so many", maxNesting, maxAnchors)
			return false
		}
	}
	return true
}

var (
	unsupported = []token.Type{token.TagType, token.MappingKeyType, token.DirectiveType, token.MergeKeyType}
	nests       = map[token.Type]int{
		token.MappingStartType: 1, token.SequenceStartType: 1, token.MappingEndType: -1, token.SequenceEndType: -1,
	}
)

func (r *seedReader) documents(docs []*ast.DocumentNode) {
	found := false
	for _, doc := range docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType {
			continue
		}
		r.collectAnchors(doc.Body)
		found = true
		r.mapping(doc.Body, "the file", func(key *token.Token, value ast.Node) bool {
			if key.Value == "webhooks" {
				r.list(value)
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

func (r *seedReader) list(node ast.Node) {
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

func (r *seedReader) unknown(key *token.Token, what string, known []string) {
	hint := ""
	if near := nearest(key.Value, known); near != "" {
		hint = fmt.Sprintf(", did you mean %s?", near)
	}
	r.faults.add(r.at(key), "unknown %s %q%s", what, shorten(key.Value), hint)
}

// shorten keeps a name that the file gives fit for a line.
func shorten(name string) string {
	const longest = 64
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "") + "..."
}
