package answer

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// A kind is what a body is, by its first character: what its header says is often wrong.
type kind uint8

const (
	other kind = iota // or not valid
	inJSON
	inXML
)

// A document is a body with what stands in it where paths lead to.
type document struct {
	body   []byte // without blanks around it
	kind   kind
	values [][]byte // a value of JSON, or what is within an element of XML; nil: there is none
}

// read finds out what the body is, and sets the values.
func (d *document) read(paths jsonscan.Paths) {
	if len(paths) == 0 || len(d.body) == 0 {
		return
	}
	switch d.body[0] {
	case '{', '[':
		if paths.Find(d.body, d.values) {
			d.kind = inJSON
		}
	case '<':
		if findXML(d.body, paths, d.values) {
			d.kind = inXML
		}
	}
}

// text returns the text of a value that is there, without blanks around it, and whether
// it is a single one: not an object or a list.
func (d *document) text(path int) (text []byte, scalar bool) {
	value := d.values[path]
	if d.kind == inXML {
		return xmlText(value), true
	}
	switch value[0] {
	case '"':
		return jsonscan.TextBytes(value), true
	case '{', '[':
		return value, false
	}
	return value, true
}

// isEmpty reports whether a value that is there says nothing.
func (d *document) isEmpty(path int) bool {
	value := d.values[path]
	if d.kind == inXML {
		return len(xmlText(value)) == 0
	}
	switch value[0] {
	case '"':
		return len(jsonscan.TextBytes(value)) == 0
	case '{', '[':
		return len(bytes.TrimSpace(value[1:len(value)-1])) == 0
	}
	return value[0] == 'n'
}

// line returns the text of a value as one line of valid UTF-8 that has at most so many
// bytes, and "" if there is no such value.
func (d *document) line(path int) string {
	if path < 0 || d.kind == other || d.values[path] == nil {
		return ""
	}
	text, scalar := d.text(path)
	if !scalar {
		var compact bytes.Buffer
		if json.Compact(&compact, text) == nil {
			text = compact.Bytes()
		}
	}
	return oneLine(text, MaxText)
}

func oneLine(text []byte, most int) string {
	const perRune = 4 // more than so many bytes are never needed
	text = text[:min(len(text), perRune*most)]
	s := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(text), ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}
