package lead

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Trigger is what raised a lead event: a lead of a contact that is new to the
// advertiser, or of a contact that the advertiser knew already.
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

// The kinds of lead that webhooks can take. KindOther is for all event types that
// leadhook does not know (SMS and others exist): they are counted, no webhook wants
// them, and they are not an error.
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

// Has reports whether leads of kind k belong to the set.
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

// A Secret is a value that must not be shown: printed, logged or marshalled it is
// "***", or nothing if it is empty. [Secret.Reveal] returns the value itself.
type Secret string

// Reveal returns the value, for the code that needs it.
func (s Secret) Reveal() string { return string(s) }

// String hides the value from fmt and from loggers.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Format hides the value from every verb, including %q and %x.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides the value from JSON and YAML encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// The bounds of a webhook's rate, in deliveries a second: within its three days a
// delivery should have a turn, and a greater rate cannot be told from none.
const (
	MinRate = 0.001
	MaxRate = 10_000
)

// A Webhook is what an advertiser has set up: which of its leads are POSTed, where
// and how. A Webhook must not be changed once it is in use: a new version of it is a
// new value.
type Webhook struct {
	ID         string // unique within the service, and never used for another webhook
	Advertiser string
	URL        string // sent byte for byte as given

	// Authorization is sent verbatim in the header AuthHeader, or in Authorization
	// if AuthHeader is empty. If it is empty itself, there is no such header.
	Authorization Secret
	AuthHeader    string

	Trigger   Trigger
	LeadTypes LeadTypes
	Format    Format
	Active    bool // if false, nothing is sent

	SigningSecrets []Secret          // "whsec_…", at most two; without any, POSTs are not signed
	Headers        map[string]Secret // extra headers; their values may be tokens
	ContentType    string            // in place of that of Format; if empty, that one
	Rate           float64           // deliveries a second at most, MinRate to MaxRate; zero if the advertiser set no limit

	// ClientCert is the certificate that is shown to the CRM in TLS, those that vouch for
	// it, and its private key; CA is the certificates that are trusted beside the
	// system's. Both are PEM, and usually empty. LegacyTLS makes TLS with what only old
	// servers need: key exchange by RSA, CBC, and no post-quantum share.
	ClientCert Secret
	CA         string
	LegacyTLS  bool

	Answers *Answers // what the CRM means by its answers; nil: what their status says

	Enabled int // how often it was enabled again after the service had disabled it

	VendorName   string // for ADF; if empty, the advertiser's name
	ProviderName string // for ADF; if empty, the service's setting

	// Version changes with every change of a field of the stored webhook. Health and
	// Disabled are about this version. It is empty if the webhook was never stored.
	Version string
	Health
	Disabled Disabled

	// Damaged is why the stored record cannot be used, and empty if it can. Of a
	// damaged webhook only ID and Advertiser are reliable.
	Damaged string
}

// Disabled says when and why the service itself disabled a webhook: set it inactive,
// until any of its fields is changed. It is zero if the service did not.
type Disabled struct {
	At     time.Time
	Reason Reason // [Gone] if its CRM answered 410, [Exhausted] if every attempt failed for days
	Status int    // the last HTTP status; zero if none came
}

// String says in plain words when and why the webhook was disabled.
func (d Disabled) String() string {
	why := "its CRM kept failing"
	if d.Reason == Gone {
		why = "its CRM answered 410 Gone"
	}
	return fmt.Sprintf("leadhook set the webhook inactive at %s because %s", d.At.UTC().Format(time.RFC3339), why)
}

// A Decline is why a webhook does not take an event. It is empty if it does.
type Decline string

// The declines. If several apply, the first counts.
const (
	DeclinesUnknownType Decline = "unknown_type"  // no webhook takes such an event
	DeclinesTrigger     Decline = "other_trigger" // the webhook has the other trigger
	DeclinesLeadType    Decline = "lead_type"     // the webhook takes other types of leads
	DeclinesInactive    Decline = "inactive"      // its advertiser set it inactive; it would take the event otherwise
)

// Declines returns why the webhook does not take the event. Trigger, lead type and
// active are all that decides. A damaged webhook takes every event of a known kind: its
// filters are lost, and so each event becomes a dead letter instead of vanishing. A
// webhook that the service has disabled takes events as if it were active, for the same
// reason.
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

// Wants reports whether the webhook takes the event; if not, [Webhook.Declines] returns
// why.
func (w *Webhook) Wants(ev *Event) bool { return w.Declines(ev) == "" }
