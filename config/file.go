package config

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile is the largest accepted file, in bytes. A file of all settings is several
// times smaller. The limit is needed since for some files the parser's time grows
// with the square of their length.
const maxFile = 64 << 10

// readFile collects the values given in a settings file. It walks over the syntax
// tree instead of decoding it, for three reasons: each fault has a position,
// values keep the text that was written, and aliases cannot expand a small file
// into a large one.
func (l *loader) readFile(path string) {
	content, err := readAtMost(path, maxFile)
	if err != nil {
		l.fault(origin{file: path}, "reading the settings: %v", err)
		return
	}
	if !utf8.Valid(content) {
		l.fault(origin{file: path}, "the settings are not UTF-8 text")
		return
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	// After a comment, the library counts a line break of Windows twice. In YAML
	// all kinds of line breaks are alike (1.2 §5.4).
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	file, err := parser.ParseBytes(content, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.syntaxFault(path, err)
		return
	}
	f := fileReader{loader: l, path: path, seen: map[string]origin{}}
	documents := 0
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType {
			continue
		}
		if documents++; documents > 1 {
			l.fault(f.at(doc.Start), "a second YAML document: want only one")
			continue
		}
		f.document(doc.Body)
	}
}

// syntaxFault adds a fault with the position and the parser's message, but without
// the lines of the file that the parser quotes: they may contain a secret.
func (l *loader) syntaxFault(path string, err error) {
	syntax, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		l.fault(origin{file: path}, "not YAML")
		return
	}
	f := fileReader{loader: l, path: path}
	l.fault(f.at(syntax.Token), "not YAML: %s", syntax.Message)
}

// A fileReader walks over one settings file.
type fileReader struct {
	*loader
	path string
	seen map[string]origin // where each key and group was first seen
}

func (f *fileReader) at(t *token.Token) origin {
	if t == nil || t.Position == nil {
		return origin{file: f.path}
	}
	return origin{file: f.path, line: t.Position.Line, column: t.Position.Column}
}

func (f *fileReader) document(body ast.Node) {
	group, ok := body.(ast.MapNode)
	if !ok {
		f.fault(f.at(body.GetToken()), "want settings such as kafka:, not a single value or a list")
		return
	}
	f.members("", group)
}

// members reads a group's members. Nested groups and keys with dots are
// equivalent.
func (f *fileReader) members(in string, group ast.MapNode) {
	for members := group.MapRange(); members.Next(); {
		name := members.Key().GetToken()
		key, at := in+name.Value, f.at(name)
		f.member(key, at, members.Value())
	}
}

// isRepeated reports whether a known key or group was seen before. If so, it adds
// a fault.
func (f *fileReader) isRepeated(key string, at origin) bool {
	if first, ok := f.seen[key]; ok {
		f.keyFault(at, key, "given twice, first at "+first.String())
		return true
	}
	f.seen[key] = at
	return false
}

func (f *fileReader) member(key string, at origin, node ast.Node) {
	s, known := f.settings[key]
	group, isGroup := node.(ast.MapNode)
	isNull := node.Type() == ast.NullType
	switch {
	case !known && !f.groups[key] && isNull:
		// The key is not quoted: in {password: a,b} the key b is part of a password.
		f.fault(at, "unknown setting, with no value")
	case !known && !f.groups[key]:
		f.fault(at, "unknown setting %.100q%s", key, f.suggestion(key))
	case f.isRepeated(key, at):
	case known && isGroup:
		f.keyFault(at, key, "want a value ("+s.value.kind+"), not a group of settings")
	case known:
		f.value(s, at, node)
	case isGroup:
		f.members(key+".", group)
	case !isNull:
		f.fault(at, "%s is a group of settings, not a setting", key)
	}
}

func (f *fileReader) value(s setting, at origin, node ast.Node) {
	if t := node.GetToken(); node.Type() != ast.NullType {
		at = f.at(t)
	}
	text, err := scalar(node)
	if elements, ok := node.(*ast.SequenceNode); ok && s.value.list {
		text, err = scalars(elements)
	}
	if err != nil {
		f.keyFault(at, s.key, err.Error())
		return
	}
	f.given[s.key] = given{text, at}
}

// suggestion is like the function of that name, over keys and groups.
func (f *fileReader) suggestion(unknown string) string {
	known := maps.Clone(f.groups)
	for key := range f.settings {
		known[key] = true
	}
	return suggestion(unknown, maps.Keys(known))
}

// scalar returns the text of a single value as it was written. The table of
// settings, not YAML, determines whether 0644 or true is a number, a boolean or a
// text.
func scalar(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	case *ast.NullNode:
		return "", errors.New(`no value: give one, write "" for none, or leave the line out for the default`)
	case *ast.SequenceNode:
		return "", errors.New("want one value, not a list")
	}
	return "", errors.New("YAML tags, anchors and aliases are not supported")
}

func scalars(list *ast.SequenceNode) (string, error) {
	texts := make([]string, len(list.Values))
	for i, node := range list.Values {
		text, err := scalar(node)
		if err != nil {
			return "", err
		}
		texts[i] = text
	}
	return strings.Join(texts, ","), nil
}
