package formats

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// An object has the members of a JSON object that ADF has a place for, their
// values unread, so that no number is rounded and no odd value is an error.
type object []member

type member struct{ name, raw []byte }

// asked are the members that somebody asks an object for. The others are not
// kept: a lead may have as many as fit into an event, and an object of all of
// them would take ten times the event's memory.
var asked = func() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`
		contact_id campaign_id master_campaign_id campaign_name created_at occured_at display_name event_type
		notes tags contact call chat form
		id first_name last_name title email company phone_home phone_work phone_mobile phone_fax
		address1 address2 city state postal country
		duration recording_url caller_number dialed_number target_number
		summary transcript from message
		subject full_message extra_fields
		name url phone time_zone`) {
		names[name] = true
	}
	return names
}()

// read reads a JSON value; what is no object is one without members. Of two
// members with one name the first counts, as it does where [lead.Decode] finds
// the kind of a lead.
func read(raw []byte) object {
	var o object
	for name, value := range lead.Members(raw) {
		if asked[string(name)] && o.raw(string(name)) == nil {
			o = append(o, member{name, value})
		}
	}
	return o
}

// raw is the value of a member, nil if there is none.
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

// listed joins a list of plain values, as far as comments can hold it; ok is
// false if something is nested.
func listed(raw []byte) (list string, ok bool) {
	for value := range lead.Elements(raw) {
		if value[0] == '{' || value[0] == '[' {
			return "", false
		}
	}
	var b strings.Builder
	for value := range lead.Elements(raw) {
		s := shown(value)
		if s != "" && b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s)
		if b.Len() > maxComments {
			break
		}
	}
	return b.String(), true
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
