package scrub

import (
	"bytes"
	"html"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A mapped is a text that was made from another one: each byte comes from the span of that
// one with the same index.
type mapped struct {
	bytes  []byte
	spans  []span
	joints []int // where a line break, and the blanks after it, were left out
}

// A span is a part of a text, the end excluded.
type span struct{ from, to int32 }

// room returns an empty text that may become as long as m without being copied.
func (m *mapped) room() mapped {
	return mapped{bytes: make([]byte, 0, len(m.bytes)), spans: make([]span, 0, len(m.bytes))}
}

// plain returns a text as it is.
func plain(said []byte) mapped {
	m := mapped{bytes: said, spans: make([]span, len(said))}
	for i := range said {
		m.spans[i] = span{int32(i), int32(i + 1)}
	}
	return m
}

func (m *mapped) add(b byte, of span) {
	m.bytes, m.spans = append(m.bytes, b), append(m.spans, of)
}

// part returns what the bytes from i to j come from.
func (m *mapped) part(i, j int) span { return span{m.spans[i].from, m.spans[j-1].to} }

// hide marks what the bytes from i to j come from.
func (m *mapped) hide(i, j int, hidden []bool) {
	for of := m.part(i, j); of.from < of.to; of.from++ {
		hidden[of.from] = true
	}
}

// replaced returns a text with what at says in place of what it says it of. at returns what
// stands in place of the first bytes of a text, and how many they are, or false and how many
// stay.
func (m *mapped) replaced(at func([]byte) (text string, size int, ok bool)) (mapped, bool) {
	out, changed := m.room(), false
	for i := 0; i < len(m.bytes); {
		text, size, ok := at(m.bytes[i:])
		if !ok {
			out.bytes, out.spans = append(out.bytes, m.bytes[i:i+size]...), append(out.spans, m.spans[i:i+size]...)
		}
		for k := range len(text) {
			out.add(text[k], m.part(i, i+size))
		}
		changed = changed || ok
		i += size
	}
	return out, changed
}

// decode returns a text without one layer of escapes, of whatever kind: those of URLs
// (percent), of JSON and of programming languages (backslash), of HTML and XML (ampersand), and
// what comes of reading a text in a wrong charset. It reports whether there were any.
func decode(m *mapped) (mapped, bool) {
	return m.replaced(func(b []byte) (string, int, bool) {
		text, size := escape(b)
		return text, max(size, 1), size > 0
	})
}

// unescaped is [decode] for a text that is not mapped.
func unescaped(text []byte) ([]byte, bool) {
	var out []byte
	done := 0 // so much of text is in out
	for i := 0; i < len(text); i++ {
		stands, size := escape(text[i:])
		if size == 0 {
			continue
		}
		if out == nil {
			out = make([]byte, 0, len(text))
		}
		out = append(append(out, text[done:i]...), stands...)
		done = i + size
		i = done - 1
	}
	if out == nil {
		return text, false
	}
	return append(out, text[done:]...), true
}

// escape returns what the escape at the beginning of b stands for, and its length; zero if
// there is none.
func escape(b []byte) (text string, size int) {
	if len(b) < 2 {
		return "", 0
	}
	switch b[0] {
	case '%':
		if b[1] == 'u' || b[1] == 'U' { // of JavaScript's escape
			return codePoint(b, 2, 4)
		}
		return byteOf(b, 1)
	case '\\':
		return backslash(b)
	case '&':
		return reference(b)
	case misreadFirst:
		return misread(b)
	}
	return "", 0
}

// byteOf returns the byte that two hexadecimal digits at an index stand for.
func byteOf(b []byte, at int) (string, int) {
	n, ok := number(b, at, 2, 16)
	if !ok {
		return "", 0
	}
	return string([]byte{byte(n)}), at + 2
}

// codePoint returns the character that hexadecimal digits at an index stand for. Of a
// surrogate pair it is the second escape that has the rest.
func codePoint(b []byte, at, digits int) (string, int) {
	n, ok := number(b, at, digits, 16)
	if !ok {
		return "", 0
	}
	size := at + digits
	if utf16.IsSurrogate(rune(n)) && len(b) >= 2*size && b[size] == b[0] {
		if low, ok := number(b, size+at, digits, 16); ok {
			if r := utf16.DecodeRune(rune(n), rune(low)); r != utf8.RuneError {
				return string(r), 2 * size
			}
		}
	}
	return string(rune(n)), size
}

// number reads a number of so many digits at an index.
func number(b []byte, at, digits, base int) (uint64, bool) {
	if len(b) < at+digits {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[at:at+digits]), base, 32)
	return n, err == nil
}

var simpleEscapes = map[byte]string{
	'n': "\n", 'r': "\r", 't': "\t", 'f': "\f", 'v': "\v", 'b': "\b",
	'"': `"`, '\'': "'", '\\': `\`, '/': "/",
}

func backslash(b []byte) (string, int) {
	switch b[1] {
	case 'u':
		if len(b) > 2 && b[2] == '{' {
			return braced(b)
		}
		return codePoint(b, 2, 4)
	case 'U':
		return codePoint(b, 2, 8)
	case 'x':
		return byteOf(b, 2)
	}
	if n, ok := number(b, 1, 3, 8); ok && n <= 0xff {
		return string([]byte{byte(n)}), 4
	}
	if text, ok := simpleEscapes[b[1]]; ok {
		return text, 2
	}
	return "", 0
}

// braced returns what an escape such as \u{1f600} stands for.
func braced(b []byte) (string, int) {
	const begin, longest = len(`\u{`), 6
	digits := bytes.IndexByte(b[begin:min(len(b), begin+longest+1)], '}')
	n, ok := number(b, begin, max(digits, 0), 16)
	if !ok {
		return "", 0
	}
	return string(rune(n)), begin + digits + 1
}

// reference returns what a character reference of HTML or XML stands for.
func reference(b []byte) (string, int) {
	const longest = 64
	end := 1
	for end < min(len(b), longest) && isReference(b[end]) {
		end++
	}
	if end < len(b) && b[end] == ';' {
		end++
	}
	text := html.UnescapeString(string(b[:end]))
	if text == string(b[:end]) {
		return "", 0
	}
	return text, end
}

func isReference(c byte) bool {
	return c == '#' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// windows1252 are the characters of Windows-1252 from 0x80 to 0x9f; those of Latin-1 stand where
// it has none.
var windows1252 = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

// misreadFirst is the first byte of every character whose code is that of the first byte of
// several in UTF-8.
const misreadFirst = 0xc3

// misread returns the character whose bytes in UTF-8 were read as Windows-1252 or Latin-1: ö
// for Ã¶.
func misread(b []byte) (string, int) {
	var char []byte
	for size := 0; size < len(b) && len(char) < utf8.UTFMax; {
		r, n := utf8.DecodeRune(b[size:])
		size += n
		switch at := slices.Index(windows1252, r); {
		case at >= 0:
			char = append(char, byte(0x80+at))
		case 0x80 <= r && r <= 0xff:
			char = append(char, byte(r))
		default:
			return "", 0
		}
		if utf8.FullRune(char) {
			if !utf8.Valid(char) {
				return "", 0
			}
			return string(char), size
		}
	}
	return "", 0
}
