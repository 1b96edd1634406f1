package scrub

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortestPacked is how long a run of letters and digits must be to be looked at as packed: a
// shorter one is a word too often.
const shortestPacked = 12

// runMarks are what base64 has beside letters and digits.
const runMarks = "+/-_"

// runOf returns how many bytes at the beginning of a text may be in hexadecimal or base64.
func runOf(b []byte) int {
	for i, c := range b {
		if !isDigit(c) && (c|0x20 < 'a' || 'z' < c|0x20) && strings.IndexByte(runMarks, c) < 0 {
			return i
		}
	}
	return len(b)
}

// unpack returns a text without one layer of hexadecimal and base64, and reports whether there
// was any.
func unpack(m *mapped) (mapped, bool) {
	left := 0 // of a run that is not packed as a whole, but may have parts that are, as a path has
	return m.replaced(func(b []byte) (string, int, bool) {
		if left == 0 {
			left = runOf(b)
			if text := unpacked(b[:left]); text != "" {
				size := left
				left = 0
				return text, size, true
			}
		}
		size := left
		if mark := bytes.IndexAny(b[:left], runMarks); mark >= 0 {
			size = max(mark, 1)
		}
		left -= size
		text := unpacked(b[:size])
		return text, max(size, 1), text != ""
	})
}

// unpacked returns the text that a run has in hexadecimal or base64, or "". The run may be a
// part of what was packed, and begin anywhere.
func unpacked(run []byte) string {
	if len(run) < shortestPacked {
		return ""
	}
	for begin := range 4 {
		for _, unpack := range []func([]byte) []byte{unhex, unbase64} {
			if text := unpack(run[begin:]); isPart(text) {
				return string(text)
			}
		}
	}
	return ""
}

func unhex(run []byte) []byte {
	out := make([]byte, len(run)/2)
	if _, err := hex.Decode(out, run[:len(run)/2*2]); err != nil {
		return nil
	}
	return out
}

func unbase64(run []byte) []byte {
	if len(run)%4 == 1 {
		run = run[:len(run)-1]
	}
	plain := bytes.ReplaceAll(bytes.ReplaceAll(run, []byte("-"), []byte("+")), []byte("_"), []byte("/"))
	out, err := base64.RawStdEncoding.AppendDecode(nil, plain)
	if err != nil {
		return nil
	}
	return out
}

// isPart reports whether there is text, which may begin and end within a character.
func isPart(b []byte) bool {
	for n := 1; n < utf8.UTFMax && len(b) > 0 && !utf8.RuneStart(b[0]); n++ {
		b = b[1:]
	}
	return len(b) > 0 && utf8.FullRune(b) && IsText(b)
}

// IsText reports whether a body is in UTF-8 and has no control characters but blanks. It may
// end within a character, and may be empty.
func IsText(body []byte) bool {
	for n := 1; n < utf8.UTFMax && n <= len(body); n++ {
		if last := body[len(body)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				body = body[:len(body)-n]
			}
			break
		}
	}
	return utf8.Valid(body) && !bytes.ContainsFunc(body, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) })
}
