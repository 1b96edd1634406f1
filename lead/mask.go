package lead

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// Masked replaces what [Mask] does not show.
const Masked = "***"

// maskDepth is deeper than the Lead Object is nested. A value that lies deeper is
// masked as a whole: walking through it could take very long.
const maskDepth = 12

// Mask returns a lead event for people who look after deliveries and must not see
// whose lead it is: JSON with the same members, lists and order. Ids, the trigger,
// types, states and times are shown if they have the expected form; every other text,
// number or boolean is [Masked], and so is the name of a member that the Lead Object
// does not have. null, "", {} and [] stay. An error is that of [Decode]: only a lead
// event can be masked.
func Mask(event []byte) ([]byte, error) {
	if _, err := Decode(event); err != nil {
		return nil, err
	}
	return mask(nil, trim(event), "", maskDepth), nil
}

// mask appends the masked value of the member with this path.
func mask(out, raw []byte, path string, depth int) []byte {
	switch {
	case depth == 0:
		return append(out, `"`+Masked+`"`...)
	case raw[0] == '{':
		return maskObject(out, raw, path, depth)
	case raw[0] == '[':
		return maskList(out, raw, path, depth)
	case string(raw) == "null" || string(raw) == `""`:
		return append(out, raw...)
	case Impersonal(path, raw):
		return append(out, raw...)
	}
	return append(out, `"`+Masked+`"`...)
}

// Impersonal reports whether a value of a lead event, in JSON, is an id, a type, a state or a
// time, by its path, such as .lead.contact.id, and its form.
func Impersonal(path string, raw []byte) bool {
	shape, ok := shown[path]
	return ok && shape.Match(bytes.Trim(raw, `"`))
}

func maskObject(out, raw []byte, path string, depth int) []byte {
	out = append(out, '{')
	first := true
	for name, value := range jsonscan.Members(raw) {
		if !first {
			out = append(out, ',')
		}
		first = false
		shownName, below := Masked, "?" // a path that no value has
		if memberNames[string(name)] {
			shownName, below = string(name), path+"."+string(name)
		}
		out = append(out, `"`+shownName+`":`...)
		out = mask(out, value, below, depth-1)
	}
	return append(out, '}')
}

// maskList masks a list. Its elements have the list's path.
func maskList(out, raw []byte, path string, depth int) []byte {
	out = append(out, '[')
	first := true
	for value := range jsonscan.Elements(raw) {
		if !first {
			out = append(out, ',')
		}
		first = false
		out = mask(out, value, path, depth-1)
	}
	return append(out, ']')
}

// shown are the paths of the values that are shown, and the form that each must have
// without quotes: a producer may write a name where a state belongs.
var shown = func() map[string]*regexp.Regexp {
	const (
		number  = `[0-9]{1,20}`
		id      = `(sample-)?[0-9A-Fa-f-]{1,64}`
		word    = `call|chat|form|sms|FormPost|FormEmail|pending_contact|active_lead|client|none|new_contact|existing_contact|new_lead`
		truth   = `true|false`
		instant = `[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]?[0-9:. ]{0,24}(Z|[+-][0-9:]{4,5})?`
		length  = `[0-9:.]{1,12}`
	)
	shapes := map[string]*regexp.Regexp{".advertiser_id": regexp.MustCompile(`.`)}
	for shape, paths := range map[string]string{
		number:  ".schema_version .lead.id .lead.contact_id .lead.campaign_id .lead.master_campaign_id .lead.contact.id",
		id:      ".event_id .lead.chat.transcript.id",
		word:    ".trigger .lead.event_type .lead.status .lead.contact.status .lead.form.sub_type",
		truth:   ".test",
		length:  ".lead.call.duration",
		instant: ".published_at .lead.created_at .lead.occured_at .lead.archived_at .lead.important_at .lead.read_at .lead.contact.created_at .lead.contact.archived_at .lead.call.occured_at .lead.chat.transcript.timestamp",
	} {
		for path := range strings.FieldsSeq(paths) {
			shapes[path] = regexp.MustCompile(`^(` + shape + `)$`)
		}
	}
	return shapes
}()

// memberNames are the names of the members of the lead event and the Lead Object.
var memberNames = func() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`
		schema_version event_id advertiser_id trigger published_at test advertiser name url phone email time_zone lead
		id contact_id campaign_id master_campaign_id campaign_name created_at occured_at archived_at important_at read_at
		display_name event_type status notes tags contact call chat form
		first_name last_name title company phone_home phone_work phone_mobile phone_fax address1 address2 city state
		postal country
		duration recording_url caller_number dialed_number target_number
		summary transcript timestamp from message
		sub_type subject full_message extra_fields
		year make model vin stock trim vehicle_year vehicle_make vehicle_model vehicle_vin stock_number`) {
		names[name] = true
	}
	return names
}()
