package jsonscan

import (
	"bytes"
	"encoding/json"
	"iter"
)

// The functions of this file walk over JSON that is valid, without copying it.

// Members yields the members of a JSON object in order: the key without quotes
// and escapes, and the value's bytes as they stand, without blanks around them.
// The object must be valid JSON; what is valid but not an object has no members.
//
// Nothing is copied where the key has no escapes: neither may be changed.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		if len(object) == 0 || object[0] != '{' {
			return
		}
		rest := skipBlanks(object[1:])
		for rest[0] == '"' {
			n := stringLen(rest)
			key := unquote(rest[:n])
			rest = skipBlanks(rest[n:])
			rest = skipBlanks(rest[1:]) // the colon
			n = valueLen(rest)
			if !yield(key, rest[:n]) {
				return
			}
			rest = skipBlanks(rest[n:])
			if rest[0] == ',' {
				rest = skipBlanks(rest[1:])
			}
		}
	}
}

// Elements yields the values of a JSON list in order, as they stand, without
// copying them. The list must be valid JSON; what is valid but no list has none.
func Elements(list []byte) iter.Seq[[]byte] {
	return func(yield func(value []byte) bool) {
		if len(list) == 0 || list[0] != '[' {
			return
		}
		rest := skipBlanks(list[1:])
		for rest[0] != ']' {
			n := valueLen(rest)
			if !yield(rest[:n]) {
				return
			}
			rest = skipBlanks(rest[n:])
			if rest[0] == ',' {
				rest = skipBlanks(rest[1:])
			}
		}
	}
}

func skipBlanks(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	return b
}

// valueLen is the length of the JSON value that b starts with.
func valueLen(b []byte) int {
	switch b[0] {
	case '"':
		return stringLen(b)
	case '{', '[':
		return nestedLen(b)
	}
	if n := bytes.IndexAny(b, ",]} \n\t\r"); n >= 0 {
		return n
	}
	return len(b)
}

func stringLen(b []byte) int {
	for end := 1; ; end++ {
		end += bytes.IndexByte(b[end:], '"')
		escapes := 0
		for b[end-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return end + 1
		}
	}
}

func nestedLen(b []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			i += stringLen(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// Text is the value of a JSON string without the blanks around it, which
// producers leave there, and "" for every other value. raw must be valid JSON.
func Text(raw []byte) string { return string(TextBytes(raw)) }

// TextBytes is [Text] without a copy, unless the string has escapes; nil for
// every value that is not a string.
func TextBytes(raw []byte) []byte {
	if len(raw) == 0 || raw[0] != '"' {
		return nil
	}
	return bytes.TrimSpace(unquote(raw))
}

func unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	_ = json.Unmarshal(raw, &s) // raw is a valid JSON string: it cannot fail
	return []byte(s)
}
