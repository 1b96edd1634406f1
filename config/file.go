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

// maxFile is several times what a file of all settings has, in bytes. The
// parser's time grows with the square of some files' length.
const maxFile = 64 << 10

// readFile notes what a settings file gives. The tree is walked instead of
// decoded, for the position of each fault, for the texts as they were written,
// and so that no alias can make much of little.
func (l *loader) readFile(path string) {
	content, err := readFile(path, maxFile)
	if err != nil {
		l.fault(place{file: path}, "reading the settings: %v", err)
		return
	}
	if !utf8.Valid(content) {
		l.fault(place{file: path}, "the settings are not UTF-8 text")
		return
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	// A line break is one, however it is written (YAML 1.2 §5.4); the library
	// counts those of Windows twice after a comment.
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	file, err := parser.ParseBytes(content, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.syntaxFault(path, err)
		return
	}
	f := fileReader{loader: l, path: path, seen: map[string]place{}}
	documents := 0
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType {
			continue
		}
		if documents++; documents > 1 {
			l.fault(f.at(doc.Start), "a second YAML document: settings are in one")
			continue
		}
		f.document(doc.Body)
	}
}

// syntaxFault gives the place and the parser's words, but not the lines of the
// file that the parser would show: they may hold a secret.
func (l *loader) syntaxFault(path string, err error) {
	syntax, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		l.fault(place{file: path}, "not YAML")
		return
	}
	f := fileReader{loader: l, path: path}
	l.fault(f.at(syntax.Token), "not YAML: %s", syntax.Message)
}

// A fileReader walks over one settings file.
type fileReader struct {
	*loader
	path string
	seen map[string]place // keys and groups, for those that come again
}

func (f *fileReader) at(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{file: f.path}
	}
	return place{file: f.path, line: t.Position.Line, column: t.Position.Column}
}

func (f *fileReader) document(body ast.Node) {
	group, ok := body.(ast.MapNode)
	if !ok {
		f.fault(f.at(body.GetToken()), "want settings such as kafka:, not a single value or a list")
		return
	}
	f.members("", group)
}

// members takes nested groups and keys with dots alike.
func (f *fileReader) members(in string, group ast.MapNode) {
	for members := group.MapRange(); members.Next(); {
		name := members.Key().GetToken()
		key, at := in+name.Value, f.at(name)
		f.member(key, at, members.Value())
	}
}

// again reports a known key or group that comes for the second time.
func (f *fileReader) again(key string, at place) bool {
	first, again := f.seen[key]
	if again {
		f.keyFault(at, key, "given twice, first at "+first.String())
		return true
	}
	f.seen[key] = at
	return false
}

func (f *fileReader) member(key string, at place, node ast.Node) {
	s, known := f.settings[key]
	group, isGroup := node.(ast.MapNode)
	isNull := node.Type() == ast.NullType
	switch {
	case !known && !f.groups[key] && isNull:
		// Not quoted: {password: a,b} has a key "b" that is half a password.
		f.fault(at, "unknown setting, with no value")
	case !known && !f.groups[key]:
		f.fault(at, "unknown setting %.100q%s", key, f.suggestion(key))
	case f.again(key, at):
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

func (f *fileReader) value(s setting, at place, node ast.Node) {
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

// suggestion is over the groups, too.
func (f *fileReader) suggestion(unknown string) string {
	known := maps.Clone(f.groups)
	for key := range f.settings {
		known[key] = true
	}
	return suggestion(unknown, maps.Keys(known))
}

// scalar is the text of a single value as it was written: a table entry, not
// YAML, says whether 0644 or true is a number, a truth or a text.
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
	return "", errors.New("YAML's tags, anchors and aliases are not taken here")
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
