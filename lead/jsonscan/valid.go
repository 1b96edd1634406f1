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

// valueEnd returns what follows the value that begins at i, and the blanks
// behind it; -1: none does that is valid. outside is in how many others it is.
func valueEnd(b []byte, i, outside int) int {
	if c := at(b, i); c != '{' && c != '[' {
		return scalarEnd(b, i)
	}
	var around nesting
	for i >= 0 { // where a value begins; -1: none does
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

// deepest is how deep encoding/json lets values be nested.
const deepest = 10_000

// nesting remembers which of the values around are objects.
type nesting struct {
	objects uint64   // a bit for each of the innermost, the last one lowest
	outer   []uint64 // those of the others, 64 each
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

// full says whether all bits are those of values around.
func (n *nesting) full() bool { return n.depth%64 == 0 && n.depth > 0 }

func (n *nesting) inObject() bool { return n.objects&1 != 0 }

func (n *nesting) closing() byte {
	if n.inObject() {
		return '}'
	}
	return ']'
}

// next returns where the next value begins in what is around, behind its comma,
// unless it is the first, and its name; -1: that is not as it must be.
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

// at is the byte at i, zero behind the end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// skipTo returns where the next byte is that is no blank.
func skipTo(b []byte, i int) int {
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// scalarEnd returns what follows the string, word or number that begins at i, and
// the blanks behind it; -1: none does.
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

// nameEnd returns where the value begins whose name in its object begins at i;
// -1: there is none.
func nameEnd(b []byte, i int) int {
	_, i = name(b, i)
	return i
}

// name returns the name in its object that begins at i, as it stands, and where
// its value begins; -1: there is none.
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

// stringEnd returns what follows the string that begins at i; -1: it is not
// valid. It passes over eight ordinary characters at once, each a lane of a word:
// subtracting sets the highest bit of a lane that was smaller than a blank, and
// so of one that was equal to a quote or a backslash once the equal ones are made
// zero. It may do so in lanes behind that one too, but not before. Lanes that had
// the bit are masked out: they are never what is looked for.
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
		default: // near the end, one by one
			i++
		}
	}
	return -1
}

// escapeEnd returns what follows the escape that begins at i; -1: it is none.
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

// wordEnd returns what follows the word at i; -1: it is another.
func wordEnd(b []byte, i int, word string) int {
	if bytes.HasPrefix(b[i:], []byte(word)) {
		return i + len(word)
	}
	return -1
}

// numberEnd returns what follows the number that begins at i; -1: it is none.
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

func digitsEnd(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
