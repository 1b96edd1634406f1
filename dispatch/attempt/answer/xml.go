package answer

import (
	"bytes"
	"html"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// encoding/xml takes 60 µs for a body of 2 KiB, which would be more than all else that
// an attempt costs here. An answer is not validated: it is enough that its elements are
// nested as they must be.

// maxElements is how deep elements may be nested. Of what is nested deeper nothing is read.
const maxElements = 64

// findXML reads b, which must be XML, sets for each path what is within the first element
// there, and reports whether b could be read: whether its elements are nested as they
// must be, not too deep, and there are no declarations of its own (DOCTYPE with a subset).
func findXML(b []byte, paths jsonscan.Paths, values [][]byte) bool {
	x := xmlFinder{text: b, paths: paths, values: values}
	x.open[0].active = ^uint64(0) >> (jsonscan.MaxPaths - len(paths))
	for {
		n := bytes.IndexByte(x.text[x.at:], '<')
		if x.depth == 0 && n != 0 && len(bytes.TrimSpace(x.rest(n))) > 0 {
			return false // text outside of the root
		}
		if n < 0 {
			return x.depth == 0 && x.rooted
		}
		if x.at += n; !x.markup() {
			return false
		}
	}
}

// An xmlFinder is at a place in the text, within some elements.
type xmlFinder struct {
	text   []byte
	at     int
	depth  int  // elements around
	rooted bool // the root has begun

	paths  jsonscan.Paths
	values [][]byte
	open   [maxElements + 1]element // the elements around, from 1 on; 0 is the document
}

type element struct {
	name   []byte // with its namespace
	begins int    // what is within it
	active uint64 // paths that lead through it, or to it
}

// rest returns the next n bytes; all that are left if n is negative.
func (x *xmlFinder) rest(n int) []byte {
	if n < 0 {
		return x.text[x.at:]
	}
	return x.text[x.at : x.at+n]
}

// markup reads what begins with < at the place.
func (x *xmlFinder) markup() bool {
	rest := x.text[x.at:]
	if len(rest) < len("<a>") {
		return false
	}
	switch rest[1] {
	case '/':
		return x.end()
	case '?':
		return x.skip(len("<?"), "?>")
	case '!':
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			return x.skip(len("<!--"), "-->")
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			return x.depth > 0 && x.skip(len("<![CDATA["), "]]>")
		}
		return x.doctype()
	}
	return x.start()
}

// skip goes behind what ends with a text.
func (x *xmlFinder) skip(from int, end string) bool {
	x.at += from
	n := bytes.Index(x.text[x.at:], []byte(end))
	x.at += n + len(end)
	return n >= 0
}

// doctype skips a DOCTYPE without declarations.
func (x *xmlFinder) doctype() bool {
	n := bytes.IndexByte(x.text[x.at:], '>')
	declaration := x.rest(n)
	x.at += n + 1
	return n >= 0 && !x.rooted && bytes.HasPrefix(declaration, []byte("<!DOCTYPE")) && !bytes.ContainsAny(declaration[1:], "[<")
}

// start reads the tag that an element begins with.
func (x *xmlFinder) start() bool {
	nameEnd, end := x.tagEnd()
	if end < 0 || x.depth == maxElements || x.depth == 0 && x.rooted {
		return false
	}
	name := x.text[x.at+1 : nameEnd]
	if !isXMLName(name) {
		return false
	}
	x.rooted = true
	active := x.through(name)
	x.depth++
	x.open[x.depth] = element{name: name, begins: end, active: active}
	x.at = end
	if x.text[end-2] == '/' {
		x.close(end)
	}
	return true
}

// tagEnd returns where the name of the tag at the place ends, and the index behind its >,
// which is not one within quotes; -1 if there is none.
func (x *xmlFinder) tagEnd() (nameEnd, end int) {
	i := x.at + 1
	for i < len(x.text) && !isXMLBlank(x.text[i]) && x.text[i] != '>' && x.text[i] != '/' {
		i++
	}
	nameEnd = i
	for i < len(x.text) {
		switch c := x.text[i]; c {
		case '>':
			return nameEnd, i + 1
		case '<':
			return 0, -1
		case '"', '\'':
			n := bytes.IndexByte(x.text[i+1:], c)
			if n < 0 {
				return 0, -1
			}
			i += n + 1
		}
		i++
	}
	return 0, -1
}

// through returns which paths lead through, or to, an element with the name, of which
// every one counts.
func (x *xmlFinder) through(name []byte) (through uint64) {
	name = name[bytes.IndexByte(name, ':')+1:]
	for n, path := range x.paths {
		if x.open[x.depth].active&(1<<n) != 0 && len(path) > x.depth && string(name) == path[x.depth] {
			through |= 1 << n
		}
	}
	return through
}

// end reads the tag that an element ends with.
func (x *xmlFinder) end() bool {
	n := bytes.IndexByte(x.text[x.at:], '>')
	if n < 0 || x.depth == 0 {
		return false
	}
	name := bytes.TrimRight(x.text[x.at+2:x.at+n], " \t\r\n")
	if !bytes.Equal(name, x.open[x.depth].name) {
		return false
	}
	within := x.at
	x.at += n + 1
	x.close(within)
	return true
}

// close ends the innermost element, and keeps what is within it, up to the given index,
// for paths that lead to it: of several elements the first counts.
func (x *xmlFinder) close(within int) {
	e := &x.open[x.depth]
	if e.active != 0 {
		for n, path := range x.paths {
			if e.active&(1<<n) != 0 && len(path) == x.depth && x.values[n] == nil {
				x.values[n] = x.text[e.begins:within]
			}
		}
	}
	x.depth--
}

// isXMLName reports whether a name looks like one: a letter, _ or what is not ASCII, and
// then also digits, hyphens, dots and colons.
func isXMLName(name []byte) bool {
	for i, c := range name {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= 0x80
		if !letter && (i == 0 || c != '-' && c != '.' && c != ':' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(name) > 0
}

func isXMLBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// xmlText returns the text within an element, also that of elements in it, without
// blanks around it.
func xmlText(within []byte) []byte {
	if bytes.IndexByte(within, '<') < 0 {
		return bytes.TrimSpace(unescaped(within))
	}
	var text []byte
	for len(within) > 0 {
		plain, markup, found := bytes.Cut(within, []byte("<"))
		text = append(text, unescaped(plain)...)
		if !found {
			break
		}
		var data []byte
		data, within = afterMarkup(markup)
		text = append(text, data...)
	}
	return bytes.TrimSpace(text)
}

// afterMarkup returns the text of a CDATA section, and what comes behind the markup, of
// which the first < is missing. [findXML] has seen that it is whole.
func afterMarkup(markup []byte) (data, rest []byte) {
	switch {
	case bytes.HasPrefix(markup, []byte("![CDATA[")):
		data, rest, _ = bytes.Cut(markup[len("![CDATA["):], []byte("]]>"))
		return data, rest
	case bytes.HasPrefix(markup, []byte("!--")):
		_, rest, _ = bytes.Cut(markup[len("!--"):], []byte("-->"))
		return nil, rest
	case bytes.HasPrefix(markup, []byte("?")):
		_, rest, _ = bytes.Cut(markup, []byte("?>"))
		return nil, rest
	}
	x := xmlFinder{text: markup, at: -1}
	if _, end := x.tagEnd(); end > 0 {
		return nil, markup[end:]
	}
	return nil, nil
}

func unescaped(text []byte) []byte {
	if bytes.IndexByte(text, '&') < 0 {
		return text
	}
	return []byte(html.UnescapeString(string(text)))
}
