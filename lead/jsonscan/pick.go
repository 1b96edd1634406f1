package jsonscan

import (
	"bytes"
	"unicode/utf8"
)

// A Pick takes members of a JSON object, of an object within it, and so on, while it
// checks that the whole text is valid. Doing both at once saves reading the text several
// times. It can be used once. Its first element is for the object itself.
//
// It exists because encoding/json would copy what it takes, round its numbers, and
// take the last of two members whose names differ only in case.
type Pick []Wanted

// Wanted are the members that a [Pick] takes of one object.
type Wanted struct {
	Names  []string // in lower case
	Values [][]byte // the result: one for each name, nil if the object has no such member. Of two members the first counts

	// The first Unique of the Names must not be in the object twice, or in another
	// case. If one is, Ambiguous is set to it, and Values must not be used.
	Unique    int
	Ambiguous string

	// Within is the name of the member whose value is the object for the next
	// element of the Pick. Of two members the first counts.
	Within string
	seen   bool // there was such a member
}

// Object reads b, which must be a JSON object without blanks around it, sets the Values,
// and reports whether b is valid. If it is not, the Values must not be used.
func (p Pick) Object(b []byte) bool {
	return len(b) > 0 && b[0] == '{' && p.object(b, 0, 0) == len(b)
}

// object reads the object that begins at i and returns the index behind it and the
// blanks that follow it; -1 if it is not valid. outside is the number of values
// around it.
func (p Pick) object(b []byte, i, outside int) int {
	if i = skipTo(b, i+1); at(b, i) == '}' {
		return skipTo(b, i+1)
	}
	for {
		raw, begins := name(b, i)
		if begins < 0 {
			return -1
		}
		if i = p.value(b, begins, raw, outside+1); i < 0 {
			return -1
		}
		p[0].take(raw, b[begins:i])
		var over bool
		if i, over = following(b, i, '}'); over {
			return i
		}
	}
}

// following returns where the next member or element begins, behind the one that ends at i.
// If there is none, it returns true, and the index behind the bracket that closes them and
// the blanks that follow it; -1 if that is not there.
func following(b []byte, i int, closing byte) (next int, over bool) {
	switch at(b, i) {
	case ',':
		return skipTo(b, i+1), false
	case closing:
		return skipTo(b, i+1), true
	}
	return -1, true
}

// value reads the value of the member with the name raw.
func (p Pick) value(b []byte, i int, raw []byte, outside int) int {
	if len(p) > 1 && !p[0].seen && mayBe(raw, p[0].Within) && string(unquote(raw)) == p[0].Within {
		p[0].seen = true
		if at(b, i) == '{' {
			return p[1:].object(b, i, outside)
		}
	}
	return valueEnd(b, i, outside)
}

// take keeps the value of a member if it is wanted.
func (w *Wanted) take(raw, value []byte) {
	for i, name := range w.Names {
		if !mayBe(raw, name) {
			continue
		}
		key := unquote(raw)
		same := string(key) == name
		switch {
		case same && w.Values[i] == nil:
			for isBlank(value[len(value)-1]) {
				value = value[:len(value)-1]
			}
			w.Values[i] = value
		case !same && !bytes.EqualFold(key, []byte(name)):
		case w.Ambiguous == "" && i < w.Unique:
			w.Ambiguous = name
		}
	}
}

// mayBe reports whether raw, a name in quotes, can be the given name in any case.
// It rules out nearly all others by their first letter or by their length: no escape and
// no other case of a letter is shorter than the letter.
func mayBe(raw []byte, name string) bool {
	const toLower = 0x20
	first := raw[1]
	return (first|toLower == name[0] || first == '\\' || first >= utf8.RuneSelf) && len(raw) >= len(name)+len(`""`)
}
