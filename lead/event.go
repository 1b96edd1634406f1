package lead

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// MaxAdvertiserID is the longest advertiser id, in characters.
const MaxAdvertiserID = 64

// An Event is one lead event: a lead and the trigger that it raised. Only the fields that
// decide about its deliveries are decoded; the lead itself stays as it was published.
type Event struct {
	AdvertiserID string
	Trigger      Trigger
	LeadID       string // digits; the number may exceed 2^53
	Kind         Kind
	Test         bool // a test lead; it is marked as such everywhere

	Lead        json.RawMessage // the lead object, byte for byte as published
	Advertiser  json.RawMessage // the advertiser member as published; nil if absent
	PublishedAt string          // as published; empty if absent or neither a string nor a number

	// Received is when the event was first published to Kafka, by the record's
	// timestamp. Decode leaves it zero; its caller has the record.
	Received time.Time
}

// A Refusal is the error of [Decode]: why an event is not accepted. Its text quotes
// nothing of the lead.
type Refusal struct {
	Reason     Reason
	Text       string
	Advertiser string // empty if it could not be read
}

func (r *Refusal) Error() string { return r.Text }

// Decode reads a lead event. It is strict about the fields that identify the advertiser
// and the lead, and accepts everything else as it is. An error is always a [*Refusal].
//
// The event's fields refer to value, which must not change afterwards.
func Decode(value []byte) (*Event, error) {
	ev, err := decode(value)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		refusal.Text = cmp.Or(envelope(value, refusal.Reason), refusal.Text)
	}
	return ev, err
}

func decode(value []byte) (*Event, error) {
	p := jsonscan.Pick{
		{Names: eventNames[:], Values: make([][]byte, len(eventNames)), Unique: 3, Within: "lead"},
		{Names: leadNames[:], Values: make([][]byte, len(leadNames)), Unique: 2, Within: "form"},
		{Names: formNames[:], Values: make([][]byte, len(formNames))},
	}
	if err := pick(p, value); err != nil {
		return nil, err
	}
	top, in, form := &p[0], &p[1], &p[2]
	ev := &Event{}
	refuse := func(reason Reason, text string) (*Event, error) {
		return nil, &Refusal{Reason: reason, Text: text, Advertiser: ev.AdvertiserID}
	}

	if top.Ambiguous != "" {
		return refuse(AmbiguousField, top.Ambiguous+twice)
	}
	advertiser, trigger, body := top.Values[0], top.Values[1], top.Values[2]
	var err error
	if ev.AdvertiserID, err = advertiserID(advertiser); err != nil {
		return nil, err
	}
	var ok bool
	if ev.Trigger, ok = ParseTrigger(string(jsonscan.TextBytes(trigger))); !ok {
		return refuse(BadTrigger, badTrigger(jsonscan.Text(trigger)))
	}
	if isEncodedTwice(body) {
		return refuse(BadLeadID, "lead is not an object but JSON inside a JSON string: it was encoded twice")
	}
	if len(body) == 0 || body[0] != '{' {
		return refuse(BadLeadID, "lead is missing or not an object, so it has no lead.id")
	}

	if in.Ambiguous != "" {
		return refuse(AmbiguousField, "lead."+in.Ambiguous+twice)
	}
	if ev.LeadID, ok = leadID(in.Values[0]); !ok {
		return refuse(BadLeadID, "lead.id is not a positive integer of at most 20 digits")
	}
	eventType := jsonscan.TextBytes(in.Values[1])
	if len(eventType) == 0 {
		return refuse(NoEventType, "lead.event_type is missing, empty or not a string")
	}

	ev.Kind = kind(string(eventType), string(jsonscan.TextBytes(form.Values[0])))
	ev.Lead = body
	ev.Advertiser = top.Values[3]
	ev.PublishedAt = textOrNumber(top.Values[4])
	ev.Test = string(top.Values[5]) == "true" || jsonscan.Text(top.Values[5]) == "true"
	return ev, nil
}

// The members that decide about an event. The first three of an event and the first two
// of a lead identify the advertiser and the lead: if one of these is given twice or in
// another case, it is not clear which one counts.
var (
	eventNames = [...]string{"advertiser_id", "trigger", "lead", "advertiser", "published_at", "test"}
	leadNames  = [...]string{"id", "event_type"}
	formNames  = [...]string{"sub_type"}
)

const twice = " is given twice or in another case, so it is not clear which one counts"

// bom is the byte order mark that some producers put first (RFC 8259 §8.1 allows a
// reader to ignore it).
var bom = []byte("\xef\xbb\xbf")

const blanks = " \t\r\n"

// pick takes the members from the JSON object that value must be.
func pick(p jsonscan.Pick, value []byte) error {
	if !utf8.Valid(value) {
		return &Refusal{Reason: BadUTF8, Text: "the event is not valid UTF-8"}
	}
	object := trim(value)
	switch {
	case len(object) == 0:
		return &Refusal{Reason: NotJSON, Text: "the event is empty"}
	case p.Object(object):
		return nil
	case object[0] != '{' && jsonscan.Valid(object):
		return &Refusal{Reason: NotJSON, Text: "the event is not a JSON object"}
	}
	return &Refusal{Reason: NotJSON, Text: notJSON(object, cap(value)-cap(object), len(value))}
}

// trim returns value without a byte order mark and the blanks around it.
func trim(value []byte) []byte { return bytes.Trim(bytes.TrimPrefix(value, bom), blanks) }

// notJSON returns a text that says at which byte the value stops being JSON, without
// quoting it. before is the number of bytes of the value before the object, and whole
// that of all.
func notJSON(object []byte, before, whole int) string {
	const text = "the event is not JSON"
	var raw json.RawMessage
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(object, &raw)); ok {
		return fmt.Sprintf("%s: wrong at byte %d of %d", text, int64(before)+syntax.Offset, whole)
	}
	return text
}

func advertiserID(raw []byte) (string, error) {
	id := jsonscan.Text(raw)
	refuse := func(text string) (string, error) {
		return "", &Refusal{Reason: NoAdvertiser, Text: text}
	}
	if id == "" {
		return refuse("advertiser_id is missing, empty or not a string")
	}
	if n := utf8.RuneCountInString(id); n > MaxAdvertiserID {
		return refuse(fmt.Sprintf("advertiser_id has %d characters, at most %d are allowed", n, MaxAdvertiserID))
	}
	if strings.ContainsFunc(id, unicode.IsControl) {
		return refuse("advertiser_id has control characters")
	}
	return id, nil
}

func badTrigger(given string) string {
	const known = "; known are new_contact and existing_contact"
	if given == "" {
		return "trigger is missing, empty or not a string" + known
	}
	return "trigger is not known" + known
}

// textOrNumber returns the text of a JSON string, or a number as it was written, and ""
// for every other value.
func textOrNumber(raw []byte) string {
	if len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9') {
		return string(raw)
	}
	return jsonscan.Text(raw)
}

// leadID accepts the digits as a number or as a string: some producers write ids beyond
// 2^53 as a string, since their language has no such numbers.
func leadID(raw []byte) (string, bool) {
	const longest = 20
	digits := string(raw)
	if len(raw) > 0 && raw[0] == '"' {
		digits = jsonscan.Text(raw)
	}
	if len(digits) == 0 || len(digits) > longest || digits[0] == '0' {
		return "", false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return "", false
		}
	}
	return digits, true
}

func kind(eventType, subType string) Kind {
	switch eventType {
	case "call":
		return KindCall
	case "chat":
		return KindChat
	case "form":
		if subType == "FormEmail" {
			return KindEmail
		}
		return KindForm
	}
	return KindOther
}

// first returns the value of the first member with the name, or nil.
func first(object []byte, name string) []byte {
	for key, value := range jsonscan.Members(object) {
		if string(key) == name {
			return value
		}
	}
	return nil
}

// AsTest returns the event as a test lead with another lead.id, so that neither a
// CRM nor leadhook takes it for the lead that was published. id must be digits that
// [Decode] would accept.
func (ev *Event) AsTest(id string) *Event {
	test := *ev
	test.LeadID, test.Test = id, true
	value := first(ev.Lead, "id")
	if value == nil {
		return &test
	}
	if value[0] == '"' {
		id = `"` + id + `"`
	}
	at := cap(ev.Lead) - cap(value) // value is a part of it
	test.Lead = slices.Concat(ev.Lead[:at:at], []byte(id), ev.Lead[at+len(value):])
	return &test
}
