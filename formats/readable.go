package formats

import (
	"bytes"
	"html"
	"strings"
	"unicode"
)

// readable returns a text as a person reads it. Web forms and mail programs give HTML: the
// lines that it breaks are broken, its elements are gone, a link has its address behind it,
// and characters that were escaped are themselves. Text with a "<" that belongs to no
// element of HTML stays as it is.
func readable(s string) string {
	tags := strings.IndexByte(s, '<') >= 0
	if !tags && strings.IndexByte(s, '&') < 0 {
		return s
	}
	r := reader{s: s}
	if tags {
		r.look()
	}
	if !r.html {
		return clean(unescape(s))
	}
	r.read()
	return clean(string(r.out))
}

// elements are the names of HTML's elements, and what becomes of them in a text. Those of
// no other use are gone.
var elements = func() map[string]element {
	all := map[string]element{}
	for use, names := range map[element]string{
		inline: "a abbr acronym b basefont big button center cite code del dfn em font form i img input ins kbd label " +
			"link mark meta nobr o:p option q s samp select small span strike strong sub sup tt u var wbr",
		breaks: "address article aside blockquote body br dd div dl dt fieldset figure footer h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre " +
			"section table tbody tfoot thead tr ul",
		cell:   "td th",
		hidden: "head style script title",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = use
		}
	}
	return all
}()

// An element is what becomes of an element of HTML.
type element int

const (
	inline element = iota + 1 // its text stands in the line
	breaks                    // it has lines of its own
	cell                      // it stands beside others in a line
	hidden                    // what is within is not shown
)

// A reader turns HTML into text.
type reader struct {
	s    string
	out  []byte
	html bool // there is an element of HTML
	flow bool // it is HTML from its beginning, so that only elements break lines

	link     string // the address of the link that is open
	linkText int    // where its text begins
	endless  bool   // something that is not shown does not end: then nothing is left out
}

// look finds out whether the text is HTML, or has some.
func (r *reader) look() {
	for i := strings.IndexByte(r.s, '<'); i >= 0 && !r.html; i = next(r.s, i+1) {
		_, r.html = tagAt(r.s[i:])
	}
	r.flow = r.s[0] == '<'
}

// next returns the index of the next "<" from i on, and -1 if there is none.
func next(s string, i int) int {
	if n := strings.IndexByte(s[i:], '<'); n >= 0 {
		return i + n
	}
	return -1
}

// read writes the text to out, until the comments cannot take more.
func (r *reader) read() {
	for r.s != "" && len(r.out) <= maxComments {
		i := strings.IndexByte(r.s, '<')
		if i < 0 {
			i = len(r.s)
		}
		r.text(r.s[:i])
		if r.s = r.s[i:]; r.s == "" {
			return
		}
		if r.skipDeclaration() {
			continue
		}
		t, ok := tagAt(r.s)
		if !ok {
			r.text("<")
			r.s = r.s[1:]
			continue
		}
		r.s = r.s[t.length:]
		r.tag(t)
	}
}

func (r *reader) tag(t tag) {
	switch {
	case t.element == hidden && !t.closes:
		r.skip(t.name)
	case t.name == "br":
		if r.flow || !strings.HasPrefix(r.s, "\n") {
			r.out = append(r.trimmed(), '\n')
		}
	case t.element == breaks:
		if r.out = r.trimmed(); len(r.out) > 0 && r.out[len(r.out)-1] != '\n' {
			r.out = append(r.out, '\n')
		}
		if t.name == "li" && !t.closes {
			r.out = append(r.out, "- "...)
		}
	case t.element == cell:
		r.blank()
	case t.name == "img":
		r.text(attribute(t.attributes, "alt"))
	case t.name == "a":
		r.endLink()
		if !t.closes {
			r.link, r.linkText = attribute(t.attributes, "href"), len(r.out)
		}
	}
}

// endLink writes the address of a link behind its text, if that does not show it.
func (r *reader) endLink() {
	address := r.link
	r.link = ""
	isWeb := strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
	if isWeb && !strings.Contains(string(r.out[min(r.linkText, len(r.out)):]), address) {
		r.blank()
		r.out = append(r.out, "("+address+")"...)
	}
}

// skip skips what is within a hidden element; nothing if it does not end.
func (r *reader) skip(name string) {
	for i := 0; !r.endless; i += len("</") {
		n := strings.Index(r.s[i:], "</")
		if n < 0 {
			r.endless = true // do not look for the end of each
			return
		}
		i += n
		if t, ok := tagAt(r.s[i:]); ok && t.name == name {
			r.s = r.s[i+t.length:]
			return
		}
	}
}

// skipDeclaration skips a comment or a declaration, and reports whether there was one.
func (r *reader) skipDeclaration() bool {
	for _, kind := range [...]struct{ begin, end string }{{"<!--", "-->"}, {"<!", ">"}, {"<?", ">"}} {
		if r.endless || !strings.HasPrefix(r.s, kind.begin) {
			continue
		}
		if n := strings.Index(r.s, kind.end); n >= 0 {
			r.s = r.s[n+len(kind.end):]
			return true
		}
		r.endless = true
	}
	return false
}

func (r *reader) text(s string) {
	s = unescape(s)
	if !r.flow {
		r.out = append(r.out, s...)
		return
	}
	for s != "" {
		word := strings.IndexFunc(s, unicode.IsSpace)
		if word < 0 {
			word = len(s)
		}
		r.out = append(r.out, s[:word]...)
		if s = s[word:]; s == "" {
			return
		}
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
		r.blank()
	}
}

// blank writes a blank, unless there is one or a line begins.
func (r *reader) blank() {
	if n := len(r.out); n > 0 && r.out[n-1] != ' ' && r.out[n-1] != '\n' {
		r.out = append(r.out, ' ')
	}
}

// trimmed returns what was written without the blanks at its end.
func (r *reader) trimmed() []byte { return bytes.TrimRight(r.out, " \t") }

// A tag begins or ends an element of HTML.
type tag struct {
	name       string // in lower case
	element    element
	closes     bool
	attributes string
	length     int
}

// tagAt returns the tag that s begins with. ok is false if that is none of HTML, such as
// <priya@example.com> or in "a <b and c> d".
func tagAt(s string) (t tag, ok bool) {
	const longestName = 10
	rest := s[1:]
	if rest, t.closes = strings.CutPrefix(rest, "/"); rest == "" {
		return t, false
	}
	n := 0
	for n < len(rest) && n <= longestName && isNameByte(rest[n]) {
		n++
	}
	t.name = strings.ToLower(rest[:n])
	if t.element, ok = elements[t.name]; !ok {
		return t, false
	}
	end := tagEnd(rest[n:])
	if end < 0 {
		return t, false
	}
	t.attributes = strings.TrimSpace(strings.TrimSuffix(rest[n:n+end], "/"))
	t.length = len(s) - len(rest) + n + end + len(">")
	return t, t.attributes == "" || strings.IndexByte(t.attributes, '=') > 0
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || c == ':'
}

// tagEnd returns the index of the ">" that ends a tag, and -1 if there is none.
func tagEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '>':
			return i
		case '<':
			return -1
		case '"', '\'':
			n := strings.IndexByte(s[i+1:], s[i])
			if n < 0 {
				return -1
			}
			i += n + 1
		}
	}
	return -1
}

// attribute returns the value of a tag's attribute, which must be in quotes.
func attribute(attributes, name string) string {
	i, last := 0, len(attributes)-len(name)-len("=")
	for i <= last && (attributes[i+len(name)] != '=' || !strings.EqualFold(attributes[i:i+len(name)], name)) {
		i++
	}
	if i > last {
		return ""
	}
	value := attributes[i+len(name)+len("="):]
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return ""
	}
	value, _, _ = strings.Cut(value[1:], value[:1])
	return strings.TrimSpace(unescape(value))
}

// unescape replaces references to characters such as &amp; and &#39;, but only those with
// their semicolon: without it they stand in addresses, such as "?a=1&copy=2".
func unescape(s string) string {
	const longest = 32
	i := strings.IndexByte(s, '&')
	if i < 0 {
		return s
	}
	var b strings.Builder
	for ; i >= 0; i = strings.IndexByte(s, '&') {
		b.WriteString(s[:i])
		s = s[i:]
		end := strings.IndexByte(s[:min(len(s), longest)], ';') + 1
		if end == 0 {
			b.WriteByte('&')
			s = s[1:]
			continue
		}
		b.WriteString(html.UnescapeString(s[:end]))
		s = s[end:]
	}
	return b.String() + s
}
