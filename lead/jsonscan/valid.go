package jsonscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Valid reports whether b is one JSON value (RFC 8259), as [encoding/json.Valid]
// does, which takes four times as long: it steps through every byte of a string,
// and most bytes of a lead are in strings.
func Valid(b []byte) bool { return valueEnd(b, skipTo(b, 0), 0) == len(b) }

// The functions whose names end in End return the index behind what begins at i, or
// -1 if that is not valid.

// valueEnd returns the index behind the value that begins at i and the blanks that
// follow it; -1 if it is not valid. outside is the number of values around it.
func valueEnd(b []byte, i, outside int) int {
	if c := at(b, i); c != '{' && c != '[' {
		return scalarEnd(b, i)
	}
	var around nesting
	for i >= 0 { // a value begins at i
		c := at(b, i)
		opens := c == '{' || c == '['
		if opens {
			around.push(c == '{')
			i = skipTo(b, i+1)
		} else {
			i = scalarEnd(b, i)
		}
		if i < 0 || outside+around.depth > deepest {
			return -1
		}
		closed := false
		for c = at(b, i); c == '}' || c == ']'; c = at(b, i) {
			if c != around.closing() {
				return -1
			}
			around.pop()
			i, closed = skipTo(b, i+1), true
			if around.depth == 0 {
				return i
			}
		}
		i = around.next(b, i, opens && !closed)
	}
	return -1
}

// deepest is how deep encoding/json allows values to be nested.
const deepest = 10_000

// nesting remembers which of the surrounding values are objects; the others are lists.
type nesting struct {
	objects uint64   // a bit for each of the innermost values, the lowest for the innermost one
	outer   []uint64 // the bits of the outer values, 64 in each element
	depth   int
}

func (n *nesting) push(object bool) {
	if n.full() {
		n.outer = append(n.outer, n.objects)
	}
	n.depth++
	if n.objects <<= 1; object {
		n.objects |= 1
	}
}

func (n *nesting) pop() {
	n.depth--
	if n.objects >>= 1; n.full() {
		last := len(n.outer) - 1
		n.objects, n.outer = n.outer[last], n.outer[:last]
	}
}

// full reports whether all bits of objects are in use.
func (n *nesting) full() bool { return n.depth%64 == 0 && n.depth > 0 }

func (n *nesting) inObject() bool { return n.objects&1 != 0 }

func (n *nesting) closing() byte {
	if n.inObject() {
		return '}'
	}
	return ']'
}

// next returns the index of the next value of the innermost object or list: after the
// comma, unless it is the first value, and in an object after the name. It returns -1 if
// these are not valid.
func (n *nesting) next(b []byte, i int, first bool) int {
	if !first {
		if at(b, i) != ',' {
			return -1
		}
		i = skipTo(b, i+1)
	}
	if n.inObject() {
		return nameEnd(b, i)
	}
	return i
}

// at returns the byte at i; zero behind the end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// skipTo returns the index of the next byte, from i on, that is not a blank.
func skipTo(b []byte, i int) int {
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// scalarEnd returns the index behind the string, word or number that begins at i
// and the blanks that follow it.
func scalarEnd(b []byte, i int) int {
	switch at(b, i) {
	case '"':
		i = stringEnd(b, i)
	case 't':
		i = wordEnd(b, i, "true")
	case 'f':
		i = wordEnd(b, i, "false")
	case 'n':
		i = wordEnd(b, i, "null")
	default:
		i = numberEnd(b, i)
	}
	if i < 0 {
		return -1
	}
	return skipTo(b, i)
}

// nameEnd returns the index of the value whose name begins at i.
func nameEnd(b []byte, i int) int {
	_, i = name(b, i)
	return i
}

// name returns the name that begins at i, in quotes and with its escapes, and the
// index of its value; -1 if it is not valid.
func name(b []byte, i int) (raw []byte, value int) {
	if at(b, i) != '"' {
		return nil, -1
	}
	end := stringEnd(b, i)
	if end < 0 {
		return nil, -1
	}
	colon := skipTo(b, end)
	if at(b, colon) != ':' {
		return nil, -1
	}
	return b[i:end], skipTo(b, colon+1)
}

// stringEnd returns the index behind the string that begins at i. It takes eight
// ordinary characters at once, each in a lane of a word. Subtracting sets the
// highest bit of a lane that was less than a blank; or that was equal to a quote or
// a backslash, once xor has made equal lanes zero. It may set the bit of later lanes
// too, but never of earlier ones. Lanes that had the bit before are masked out: they
// are none of these characters.
func stringEnd(b []byte, i int) int {
	const each = 0x0101010101010101
	for i++; i < len(b); {
		if i+8 <= len(b) {
			word := binary.LittleEndian.Uint64(b[i:])
			quote, backslash := word^('"'*each), word^('\\'*each)
			found := (word - ' '*each) | (quote - each) | (backslash - each)
			if found &= 0x80 * each &^ word; found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) / 8
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = escapeEnd(b, i); i < 0 {
				return -1
			}
		case c < ' ':
			return -1
		default: // fewer than eight are left
			i++
		}
	}
	return -1
}

// escapeEnd returns the index behind the escape that begins at i.
func escapeEnd(b []byte, i int) int {
	switch at(b, i+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		for digit := i + 2; digit < i+6; digit++ {
			if !isHex(at(b, digit)) {
				return -1
			}
		}
		return i + 6
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// wordEnd returns the index behind the word at i.
func wordEnd(b []byte, i int, word string) int {
	if bytes.HasPrefix(b[i:], []byte(word)) {
		return i + len(word)
	}
	return -1
}

// numberEnd returns the index behind the number that begins at i.
func numberEnd(b []byte, i int) int {
	if at(b, i) == '-' {
		i++
	}
	whole := digitsEnd(b, i)
	if whole == i || b[i] == '0' && whole > i+1 {
		return -1
	}
	i = whole
	if at(b, i) == '.' {
		fraction := digitsEnd(b, i+1)
		if fraction == i+1 {
			return -1
		}
		i = fraction
	}
	if c := at(b, i); c != 'e' && c != 'E' {
		return i
	}
	i++
	if c := at(b, i); c == '+' || c == '-' {
		i++
	}
	exponent := digitsEnd(b, i)
	if exponent == i {
		return -1
	}
	return exponent
}

// digitsEnd returns the index behind the digits that begin at i; i if there are
// none.
func digitsEnd(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
