package jsonscan

import (
	"bytes"
	"unicode/utf8"
)

// A Pick takes members of a JSON object, of an object within it, and so on,
// while it checks that the whole is valid: doing both at once saves going over a
// text several times.
//
// It exists because encoding/json would copy what it takes, round its numbers,
// and take the last of two members that differ in case only.
type Pick []Wanted

// Wanted are the members that a [Pick] takes of one object.
type Wanted struct {
	Names  []string
	Values [][]byte // of the Names, as they stand; nil if the object has no such member. The first of two counts

	// Unique is how many of the Names, counted from the first, an object must not
	// have twice or in another case. Ambiguous is such a name that it has so;
	// Values mean nothing then.
	Unique    int
	Ambiguous string

	// Within is the name of the member whose value, if it is an object, is what
	// the next Wanted of the Pick are taken of. The first of two counts.
	Within string
	seen   bool // whether there was one
}

// Object reads the JSON object that b must be, without blanks around it, and
// reports whether it is valid. If it is not, what was taken means nothing.
func (p Pick) Object(b []byte) bool {
	return len(b) > 0 && b[0] == '{' && p.object(b, 0, 0) == len(b)
}

// object reads the object that begins at i and returns the index behind it and
// the blanks that follow it; -1 if it is not valid. outside is the number of
// values that it is nested in.
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
		switch at(b, i) {
		case ',':
			i = skipTo(b, i+1)
		case '}':
			return skipTo(b, i+1)
		default:
			return -1
		}
	}
}

// value reads the value of a member.
func (p Pick) value(b []byte, i int, raw []byte, outside int) int {
	if len(p) > 1 && !p[0].seen && mayBe(raw, p[0].Within) && string(unquote(raw)) == p[0].Within {
		p[0].seen = true
		if at(b, i) == '{' {
			return p[1:].object(b, i, outside)
		}
	}
	return valueEnd(b, i, outside)
}

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

// mayBe reports whether a name as it stands, in quotes, can be the given one, in
// whatever case. Nearly all names are told apart by their first letter, or are
// too short: no other way to write a letter is shorter.
func mayBe(raw []byte, name string) bool {
	const toLower = 0x20
	first := raw[1]
	return (first|toLower == name[0] || first == '\\' || first >= utf8.RuneSelf) && len(raw) >= len(name)+len(`""`)
}
