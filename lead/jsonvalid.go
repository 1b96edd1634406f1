package lead

import (
	"bytes"
	"encoding/binary"
)

// valid says whether b is one JSON value (RFC 8259), as json.Valid does, which
// takes four times as long: it steps through every byte of a string, and most
// bytes of a lead are in strings.
func valid(b []byte) bool {
	nested := nesting{objects: make([]uint64, 0, 4)} // most need no more
	i := skipTo(b, 0)
	for {
		// A value begins at i.
		opened := false
		switch at(b, i) {
		case '{', '[':
			nested.push(b[i] == '{')
			opened = true
			i = skipTo(b, i+1)
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
		if i < 0 || nested.depth > deepest {
			return false
		}
		// What has ended with it ends here; the next value begins behind that.
		for {
			if nested.depth == 0 {
				return skipTo(b, i) == len(b)
			}
			i = skipTo(b, i)
			inObject := nested.inObject()
			closes := at(b, i) == ']' && !inObject || at(b, i) == '}' && inObject
			if !closes {
				break
			}
			nested.depth--
			opened = false
			i++
		}
		if !opened {
			if at(b, i) != ',' {
				return false
			}
			i = skipTo(b, i+1)
		}
		if nested.inObject() {
			if i = nameEnd(b, i); i < 0 {
				return false
			}
		}
	}
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

// at is the byte at i, zero behind the end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// skipTo returns where the next byte is that is no blank.
func skipTo(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// nameEnd returns where the value begins whose name in its object begins at i;
// -1: there is none.
func nameEnd(b []byte, i int) int {
	if at(b, i) != '"' {
		return -1
	}
	if i = stringEnd(b, i); i < 0 {
		return -1
	}
	if i = skipTo(b, i); at(b, i) != ':' {
		return -1
	}
	return skipTo(b, i+1)
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
