package jsonscan

import (
	"bytes"
	"encoding/json"
	"iter"
)

// The functions of this file take valid JSON, and may panic for anything else.

// Members yields the members of a JSON object in order: the key without quotes and
// escapes, and the value's bytes without the blanks around them. A value that is not
// an object has no members.
//
// Key and value must not be changed: they are parts of the object, unless the key
// has escapes.
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

// Elements yields the values of a JSON list in order, without the blanks around
// them. They must not be changed: they are parts of the list. A value that is not a
// list has no elements.
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

// valueLen returns the length of the JSON value that b starts with.
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

// Text returns the text of a JSON string, without the blanks around it that
// producers leave there, and "" for every other value.
func Text(raw []byte) string { return string(TextBytes(raw)) }

// TextBytes is [Text] without a copy, unless the string has escapes. It returns nil
// for a value that is not a string.
func TextBytes(raw []byte) []byte {
	if len(raw) == 0 || raw[0] != '"' {
		return nil
	}
	return bytes.TrimSpace(unquote(raw))
}

// unquote returns what a JSON string says.
func unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	_ = json.Unmarshal(raw, &s) // cannot fail: raw is a valid JSON string
	return []byte(s)
}
