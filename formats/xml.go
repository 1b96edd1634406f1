package formats

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// An xmlWriter writes XML 1.0 that the oldest parser can read: ASCII only, without
// CDATA and namespaces. encoding/xml is not used because it writes a newline as
// "&#xA;", which CRMs show to their users, and other characters as UTF-8.
type xmlWriter struct {
	b     []byte
	depth int
}

// nest writes an element that contains what inside writes. attrs alternates names
// and values.
func (w *xmlWriter) nest(name string, inside func(), attrs ...string) {
	w.start(name, attrs)
	w.b = append(w.b, ">\n"...)
	w.depth++
	inside()
	w.depth--
	w.indent()
	w.end(name)
}

// leaf writes an element that contains only text, or nothing.
func (w *xmlWriter) leaf(name, text string, attrs ...string) {
	w.start(name, attrs)
	if text == "" {
		w.b = append(w.b, "/>\n"...)
		return
	}
	w.b = append(w.b, '>')
	w.chars(text)
	w.end(name)
}

func (w *xmlWriter) start(name string, attrs []string) {
	w.indent()
	w.b = append(w.b, '<')
	w.b = append(w.b, name...)
	for i := 0; i < len(attrs); i += 2 {
		w.b = append(w.b, ' ')
		w.b = append(w.b, attrs[i]...)
		w.b = append(w.b, `="`...)
		w.chars(attrs[i+1])
		w.b = append(w.b, '"')
	}
}

func (w *xmlWriter) end(name string) {
	w.b = append(w.b, "</"...)
	w.b = append(w.b, name...)
	w.b = append(w.b, ">\n"...)
}

func (w *xmlWriter) indent() {
	for range w.depth {
		w.b = append(w.b, "  "...)
	}
}

// chars writes character data that is valid in elements and in attributes. It
// expects a cleaned text, but drops forbidden characters in any case, so that the
// output is always well formed.
func (w *xmlWriter) chars(s string) {
	for _, r := range s {
		switch {
		case r == '&':
			w.b = append(w.b, "&amp;"...)
		case r == '<':
			w.b = append(w.b, "&lt;"...)
		case r == '>':
			w.b = append(w.b, "&gt;"...)
		case r == '"':
			w.b = append(w.b, "&quot;"...)
		case r >= utf8.RuneSelf && !forbidden(r):
			w.b = append(w.b, "&#"...)
			w.b = strconv.AppendInt(w.b, int64(r), 10)
			w.b = append(w.b, ';')
		case !forbidden(r):
			w.b = append(w.b, byte(r))
		}
	}
}

var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// clean prepares a text for XML. It ends every line with LF alone, to which XML
// parsers change CR anyway, and drops forbidden characters and the blanks around
// the text.
func clean(s string) string {
	if strings.IndexByte(s, '\r') >= 0 {
		s = newlines.Replace(s)
	}
	return strings.TrimSpace(strings.Map(dropForbidden, s))
}

func dropForbidden(r rune) rune {
	if forbidden(r) {
		return -1
	}
	return r
}

// forbidden reports whether r cannot be in an XML 1.0 document, not even as a
// character reference (§2.2, Char), or is CR, which a parser would change.
func forbidden(r rune) bool {
	if r < ' ' {
		return r != '\t' && r != '\n'
	}
	return r == 0xFFFE || r == 0xFFFF || r >= 0xD800 && r <= 0xDFFF
}
