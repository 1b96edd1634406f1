package formats

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// An object is a JSON object as its producer wrote it: members in order, their
// values unread, so that no number is rounded and no odd value is an error.
type object []member

type member struct{ name, raw []byte }

// read reads a JSON value; what is no object is one without members.
func read(raw []byte) object {
	var o object
	for name, value := range lead.Members(raw) {
		o = append(o, member{name, value})
	}
	return o
}

// raw is the value of a member, nil if there is none. Of two the first counts,
// as it does where [lead.Decode] finds the kind of a lead.
func (o object) raw(name string) []byte {
	for _, m := range o {
		if string(m.name) == name {
			return m.raw
		}
	}
	return nil
}

// text is a member's value where a text is expected.
func (o object) text(name string) string { return text(o.raw(name)) }

// shown is a member's value where a person reads it, whatever it is.
func (o object) shown(name string) string { return shown(o.raw(name)) }

// text is the value of a string, cleaned, or of a number as it was written.
// Everything else says nothing where a name or a phone number is expected:
// false stands for "none" with some producers.
func text(raw []byte) string {
	switch {
	case len(raw) == 0:
		return ""
	case raw[0] == '"':
		return clean(lead.Text(raw))
	case raw[0] == '-' || isDigit(raw[0]):
		return string(raw)
	}
	return ""
}

// shown is any JSON value as a person may read it: strings and numbers as they
// are, lists of them with commas, and what is nested further as JSON. It is
// empty for null, "", {} and [].
func shown(raw []byte) string {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return ""
	}
	switch raw[0] {
	case 't', 'f':
		return string(raw)
	case '{':
		return compact(raw, "{}")
	case '[':
		if list, ok := listed(raw); ok {
			return list
		}
		return compact(raw, "[]")
	}
	return text(raw)
}

// listed joins a list of plain values; ok is false if something is nested.
func listed(raw []byte) (list string, ok bool) {
	var parts []string
	for _, value := range elements(raw) {
		if value[0] == '{' || value[0] == '[' {
			return "", false
		}
		if s := shown(value); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", "), true
}

// elements are the values of a JSON list; what is no list has none.
func elements(raw []byte) []json.RawMessage {
	var list []json.RawMessage
	if len(raw) > 0 && raw[0] == '[' {
		_ = json.Unmarshal(raw, &list) // valid JSON: every element is a RawMessage
	}
	return list
}

func compact(raw []byte, empty string) string {
	var b bytes.Buffer
	_ = json.Compact(&b, raw) // raw is valid JSON: it cannot fail
	if b.String() == empty {
		return ""
	}
	return clean(b.String())
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
