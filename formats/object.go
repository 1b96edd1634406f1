package formats

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// An object has the members of a JSON object that are used in ADF. Their values are not
// decoded, so that no number is rounded and no unexpected type is an error.
type object []member

type member struct{ name, raw []byte }

// usedNames are the names of members that are used. An object does not keep other
// members: a lead may have as many as fit into an event, and all of them would take
// ten times the event's memory.
var usedNames = func() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`
		contact_id campaign_id master_campaign_id campaign_name created_at occured_at display_name event_type
		notes tags contact call chat form
		id first_name last_name title email company phone_home phone_work phone_mobile phone_fax
		address1 address2 city state postal country
		duration recording_url caller_number dialed_number target_number
		summary transcript from message
		form_name subject full_message extra_fields
		name url phone time_zone`) {
		names[name] = true
	}
	return names
}()

// read returns the used members of a JSON value, none if it is not an object. Of two
// members with the same name the first counts, as it does in [lead.Decode] for the
// kind of a lead.
func read(raw []byte) object {
	var o object
	for name, value := range jsonscan.Members(raw) {
		if usedNames[string(name)] && o.raw(string(name)) == nil {
			o = append(o, member{name, value})
		}
	}
	return o
}

// raw returns the value of a member, or nil.
func (o object) raw(name string) []byte {
	for _, m := range o {
		if string(m.name) == name {
			return m.raw
		}
	}
	return nil
}

// text returns a member's value where a text is expected.
func (o object) text(name string) string { return text(o.raw(name)) }

// shown returns a member's value of any type, for a person to read.
func (o object) shown(name string) string { return shown(o.raw(name)) }

// text returns the cleaned value of a string, or a number as it was written, but a whole
// one without its fraction: programs that read spreadsheets write 2023.0 for 2023. It
// returns "" for other types, which say nothing where a name or a phone number is
// expected: some producers write false for no value.
func text(raw []byte) string {
	switch {
	case len(raw) == 0:
		return ""
	case raw[0] == '"':
		return clean(jsonscan.Text(raw))
	case isNumber(raw):
		return whole(string(raw))
	}
	return ""
}

func isNumber(raw []byte) bool { return raw[0] == '-' || isDigit(raw[0]) }

// shown returns any JSON value for a person to read: strings as text, numbers as they
// are, lists of them with commas, and deeper values as JSON. It returns "" for
// null, "", {} and [].
func shown(raw []byte) string {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return ""
	}
	switch raw[0] {
	case '"':
		return readable(clean(jsonscan.Text(raw)))
	case '{':
		return compact(raw, "{}")
	case '[':
		if list, ok := listed(raw); ok {
			return list
		}
		return compact(raw, "[]")
	}
	return string(raw) // a number, true or false
}

// listed joins the values of a list, up to the length of the comments. ok is false
// if a value is a list or an object.
func listed(raw []byte) (list string, ok bool) {
	for value := range jsonscan.Elements(raw) {
		if value[0] == '{' || value[0] == '[' {
			return "", false
		}
	}
	var b strings.Builder
	for value := range jsonscan.Elements(raw) {
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
