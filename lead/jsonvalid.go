package lead

import (
	"bytes"
	"encoding/binary"
)

// valid says whether b is one JSON value (RFC 8259), as json.Valid does, which
// takes four times as long: it steps through every byte of a string, and most
// bytes of a lead are in strings.
func valid(b []byte) bool { return valueEnd(b, skipTo(b, 0), 0) == len(b) }

// valueEnd returns what follows the value that begins at i, and the blanks
// behind it; -1: none does that is valid. outside is in how many others it is.
func valueEnd(b []byte, i, outside int) int {
	var around nesting
	for i >= 0 { // where a value begins; -1: none does
		opens := at(b, i) == '{' || at(b, i) == '['
		if opens {
			around.push(b[i] == '{')
			i++
		} else {
			i = scalarEnd(b, i)
		}
		if i < 0 || outside+around.depth > deepest {
			return -1
		}
		var closed bool
		if i, closed = around.close(b, i); around.depth == 0 {
			return i
		}
		i = around.next(b, i, opens && !closed)
	}
	return -1
}

// deepest is how deep encoding/json lets values be nested.
const deepest = 10_000

// nesting remembers which of the values around are objects, a bit for each.
type nesting struct {
	objects []uint64
	depth   int
}

func (n *nesting) push(object bool) {
	word, bit := n.depth/64, uint64(1)<<(n.depth%64)
	if word == len(n.objects) {
		n.objects = append(n.objects, 0)
	}
	n.objects[word] &^= bit
	if object {
		n.objects[word] |= bit
	}
	n.depth++
}

func (n *nesting) inObject() bool {
	last := n.depth - 1
	return n.objects[last/64]&(1<<(last%64)) != 0
}

// close goes behind the lists and objects that end at i, one behind the other,
// and behind the blanks there. closed says whether there were any.
func (n *nesting) close(b []byte, i int) (after int, closed bool) {
	for i = skipTo(b, i); n.depth > 0 && at(b, i) == n.closing(); i = skipTo(b, i+1) {
		n.depth--
		closed = true
	}
	return i, closed
}

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

// scalarEnd returns what follows the string, word or number that begins at i;
// -1: none does.
func scalarEnd(b []byte, i int) int {
	switch at(b, i) {
	case '"':
		return stringEnd(b, i)
	case 't':
		return wordEnd(b, i, "true")
	case 'f':
		return wordEnd(b, i, "false")
	case 'n':
		return wordEnd(b, i, "null")
	}
	return numberEnd(b, i)
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
// valid.
func stringEnd(b []byte, i int) int {
	for i++; ; {
		i = plainEnd(b, i)
		switch c := at(b, i); {
		case c == '"':
			return i + 1
		case c != '\\':
			return -1 // a control character, or the end
		}
		switch at(b, i+1) {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			for digit := i + 2; digit < i+6; digit++ {
				if !isHex(at(b, digit)) {
					return -1
				}
			}
			i += 6
		default:
			return -1
		}
	}
}

// plainEnd returns the first place from i on that is not an ordinary character
// of a string: a quote, a backslash, a control character or the end. It looks
// at eight bytes at once, each a lane of the word: subtracting sets the highest
// bit of a lane that was smaller, and so of one that was equal once the equal
// ones are made zero.
func plainEnd(b []byte, i int) int {
	const each = 0x0101010101010101
	for ; i+8 <= len(b); i += 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := word^('"'*each), word^('\\'*each)
		found := (word-' '*each)&^word | (quote-each)&^quote | (backslash-each)&^backslash
		if found&(0x80*each) != 0 {
			break
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
		i++
	}
	return i
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
