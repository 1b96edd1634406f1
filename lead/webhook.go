package lead

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Trigger is what a lead event means for its advertiser: that the contact is
// new, or was known already.
type Trigger string

// The triggers. A webhook has exactly one.
const (
	NewContact      Trigger = "new_contact"      // New Lead for New Contact
	ExistingContact Trigger = "existing_contact" // New Lead for Existing Contact
)

// ParseTrigger reads a trigger as a person or a program writes it. The public
// registration API calls existing_contact "new_lead"; both are accepted.
func ParseTrigger(s string) (Trigger, bool) {
	switch s {
	case "new_contact":
		return NewContact, true
	case "existing_contact", "new_lead":
		return ExistingContact, true
	}
	return "", false
}

// A Kind is how a lead came about.
type Kind string

// The kinds of lead that webhooks can take. KindOther stands for every event
// type that leadhook does not know (SMS and others exist): counted, wanted by
// no webhook, and no error.
const (
	KindCall  Kind = "call"
	KindChat  Kind = "chat"
	KindForm  Kind = "form"
	KindEmail Kind = "email" // a form whose sub_type is FormEmail
	KindOther Kind = "other"
)

// LeadTypes is the set of lead types that a webhook takes. The zero value is
// the empty set, which no valid webhook has.
type LeadTypes uint8

// The lead types. E-mail leads count as forms ("Forms & Emails").
const (
	Calls LeadTypes = 1 << iota
	Chats
	Forms

	AllLeadTypes = Calls | Chats | Forms
)

var leadTypeNames = []struct {
	bit  LeadTypes
	name string
}{{Calls, "calls"}, {Chats, "chats"}, {Forms, "forms"}}

// ParseLeadType reads one lead type: calls, chats or forms.
func ParseLeadType(s string) (LeadTypes, bool) {
	for _, t := range leadTypeNames {
		if t.name == s {
			return t.bit, true
		}
	}
	return 0, false
}

// Names lists the lead types in the set, in the order calls, chats, forms.
func (t LeadTypes) Names() []string {
	var names []string
	for _, n := range leadTypeNames {
		if t&n.bit != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// String joins the names with commas.
func (t LeadTypes) String() string { return strings.Join(t.Names(), ",") }

// Has says whether leads of kind k belong to the set.
func (t LeadTypes) Has(k Kind) bool {
	switch k {
	case KindCall:
		return t&Calls != 0
	case KindChat:
		return t&Chats != 0
	case KindForm, KindEmail:
		return t&Forms != 0
	case KindOther:
	}
	return false
}

// A Format is what the body of a POST looks like.
type Format string

// The formats.
const (
	JSON Format = "json"
	ADF  Format = "adf"
)

// ParseFormat reads a format's name.
func ParseFormat(s string) (Format, bool) {
	f := Format(s)
	return f, slices.Contains([]Format{JSON, ADF}, f)
}

// A Secret is a value that must not be shown: printed, logged or marshalled it
// is "***" (nothing, if it is empty). [Secret.Reveal] gives the value itself.
type Secret string

// Reveal returns the value, for the place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String hides the value from fmt and from loggers.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Format hides the value from every verb, %q and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides the value from JSON and YAML encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Webhook is one advertiser's subscription: where, how and for what its
// leads are POSTed. Once handed out, a Webhook is not changed any more: a new
// version of it is a new value.
type Webhook struct {
	ID         string // unique within the service, kept for ever
	Advertiser string
	URL        string // sent byte for byte as given

	// Authorization is sent verbatim in the header AuthHeader, or in
	// Authorization if that is empty. Empty: no such header.
	Authorization Secret
	AuthHeader    string

	Trigger   Trigger
	LeadTypes LeadTypes
	Format    Format
	Active    bool // false: an inactive webhook sends nothing

	SigningSecrets []Secret          // "whsec_…", at most two; none: unsigned
	Headers        map[string]Secret // extra headers; their values may be tokens
	Rate           float64           // deliveries a second; zero: no limit of its own

	VendorName   string // for ADF; empty: the advertiser's name
	ProviderName string // for ADF; empty: the service's setting

	// Version tells versions of the stored webhook apart: another one, when a
	// field was changed. What the service finds out about a webhook is about one
	// version of it. Empty: it was never stored.
	Version  string
	Failing  Failing
	Disabled Disabled

	// Damaged says why the stored record cannot be used, and is empty for a
	// sound one. Of a damaged webhook only ID and Advertiser are reliable.
	Damaged string
}

// Failing says since when every attempt of a webhook has failed, over all
// instances and restarts. The zero value: the last one succeeded, or none was
// made.
type Failing struct {
	Since    time.Time // the first failed attempt after the last success, or ever
	Attempts int       // failed attempts since
	Warned   time.Time // when it was said that the webhook will be set inactive; zero: it was not
}

// Disabled says that the service itself set a webhook inactive, which any
// change of a field undoes. The zero value: it did not.
type Disabled struct {
	At     time.Time
	Reason Reason // [Gone]: its CRM answered 410; [Exhausted]: it failed continually
	Status int    // the last HTTP status; zero: none came
}

// String says in plain words what was done when and why.
func (d Disabled) String() string {
	why := "its CRM kept failing"
	if d.Reason == Gone {
		why = "its CRM answered 410 Gone"
	}
	return fmt.Sprintf("leadhook set the webhook inactive at %s because %s", d.At.UTC().Format(time.RFC3339), why)
}

// A Decline says why a webhook does not take an event. Empty: it takes it.
type Decline string

// The declines. Of several that apply, the first counts: who mends it finds
// the next.
const (
	DeclinesUnknownType Decline = "unknown_type"  // no webhook takes such an event
	DeclinesTrigger     Decline = "other_trigger" // it takes those of the other one
	DeclinesLeadType    Decline = "lead_type"     // it takes other types of leads
	DeclinesInactive    Decline = "inactive"      // by its advertiser; else it would
)

// Declines says why the webhook does not take the event. There is no other
// filter than trigger, lead type and active. A damaged webhook takes every
// event of a known kind: nobody can tell any more which it did not want, so
// that each is accounted for as a dead letter instead of vanishing. So does one
// that the service itself set inactive.
func (w *Webhook) Declines(ev *Event) Decline {
	switch {
	case ev.Kind == KindOther:
		return DeclinesUnknownType
	case w.Damaged != "":
		return ""
	case w.Trigger != ev.Trigger:
		return DeclinesTrigger
	case !w.LeadTypes.Has(ev.Kind):
		return DeclinesLeadType
	case !w.Active:
		return DeclinesInactive
	}
	return ""
}

// Wants says whether the webhook takes the event: [Webhook.Declines] tells why not.
func (w *Webhook) Wants(ev *Event) bool { return w.Declines(ev) == "" }
