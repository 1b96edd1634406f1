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

// A pick takes some members of a JSON object while it is checked that it is
// one: to do both at once saves going over the lead three times.
//
// It exists because encoding/json would copy the lead, round its numbers, and
// take the last of two members that differ in case only: a lead for the wrong
// advertiser.
type pick struct {
	names  []string
	values [6][]byte // of the names, as they stand; nil: the object does not have it. Of two the first counts

	// ambiguous is a name of identity that was given twice or in another case;
	// the values say nothing then.
	ambiguous string

	from  string // the name of a member of which something is picked too
	inner *pick  // that
}

// object reads the object that begins at i and returns what follows it, and the
// blanks behind it; -1: none does that is valid. outside is in how many others
// it is.
func (p *pick) object(b []byte, i, outside int) int {
	if i = skipTo(b, i+1); at(b, i) == '}' {
		return skipTo(b, i+1)
	}
	for {
		raw, begins := name(b, i)
		if begins < 0 {
			return -1
		}
		key := unquote(raw)
		if i = p.value(b, begins, key, outside+1); i < 0 {
			return -1
		}
		p.take(key, b[begins:i])
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
func (p *pick) value(b []byte, i int, key []byte, outside int) int {
	if p.inner != nil && at(b, i) == '{' && string(key) == p.from {
		return p.inner.object(b, i, outside)
	}
	return valueEnd(b, i, outside)
}

func (p *pick) take(key, value []byte) {
	for i, name := range p.names {
		same := string(key) == name
		switch {
		case same && p.values[i] == nil:
			for isBlank(value[len(value)-1]) {
				value = value[:len(value)-1]
			}
			p.values[i] = value
		case !same && !foldsTo(key, name):
		case p.ambiguous == "" && slices.Contains(identity, name):
			p.ambiguous = name
		}
	}
}

// foldsTo says whether key is name in another case. Nearly all are told apart
// by their first letter.
func foldsTo(key []byte, name string) bool {
	const toLower = 0x20
	if len(key) == 0 || key[0] < utf8.RuneSelf && key[0]|toLower != name[0] {
		return false
	}
	return bytes.EqualFold(key, []byte(name))
}
