package lead

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// identity are the members that decide whose lead an event is and whether it
// is the same one. Given twice, or in another case, nobody can tell which one
// counts.
var identity = []string{"advertiser_id", "trigger", "lead", "id", "event_type"}

// A pick takes some members of a JSON object, of one within it, and so on, while
// it is checked that it is one: to do all at once saves going over a lead three
// times.
//
// It exists because encoding/json would copy the lead, round its numbers, and
// take the last of two members that differ in case only: a lead for the wrong
// advertiser.
type pick []picked // of an object, of the member of it that is named from, ...

// picked is what is taken of one object.
type picked struct {
	names  []string
	values [][]byte // of the names, as they stand; nil: the object does not have it. Of two the first counts

	// ambiguous is a name of identity that was given twice or in another case;
	// the values say nothing then.
	ambiguous string

	from string // the name of the member that is picked from next
	been bool   // at the first of that name
}

// object reads the object that begins at i and returns what follows it, and the
// blanks behind it; -1: none does that is valid. outside is in how many others
// it is.
func (p pick) object(b []byte, i, outside int) int {
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

// value goes over the value of a member.
func (p pick) value(b []byte, i int, raw []byte, outside int) int {
	if len(p) > 1 && !p[0].been && mayBe(raw, p[0].from) && string(unquote(raw)) == p[0].from {
		p[0].been = true
		if at(b, i) == '{' {
			return p[1:].object(b, i, outside)
		}
	}
	return valueEnd(b, i, outside)
}

func (p *picked) take(raw, value []byte) {
	for i, name := range p.names {
		if !mayBe(raw, name) {
			continue
		}
		key := unquote(raw)
		same := string(key) == name
		switch {
		case same && p.values[i] == nil:
			for isBlank(value[len(value)-1]) {
				value = value[:len(value)-1]
			}
			p.values[i] = value
		case !same && !bytes.EqualFold(key, []byte(name)):
		case p.ambiguous == "" && slices.Contains(identity, name):
			p.ambiguous = name
		}
	}
}

// mayBe says whether a name as it stands, in quotes, may be another one, in
// whatever case. Nearly all are told apart by their first letter, or are too
// short: no other way to write a letter is shorter.
func mayBe(raw []byte, name string) bool {
	const toLower = 0x20
	first := raw[1]
	return (first|toLower == name[0] || first == '\\' || first >= utf8.RuneSelf) && len(raw) >= len(name)+len(`""`)
}
