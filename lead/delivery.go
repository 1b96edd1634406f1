package lead

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// DeliveryID names one lead event for one webhook, for ever: the same event
// published again has the same id. It is what a CRM sees as webhook-id and
// should deduplicate by.
func DeliveryID(ev *Event, webhookID string) string {
	var room [192]byte
	b := room[:0]
	for _, part := range [...]string{ev.AdvertiserID, ev.LeadID, string(ev.Trigger), webhookID} {
		b = append(b, part...)
		b = append(b, 0)
	}
	sum := sha256.Sum256(b)
	return string(hex.AppendEncode(append(b[:0], "dlv_"...), sum[:16]))
}

// Evidence grades a failed attempt by what it says about the CRM: whether the
// CRM may have the lead although we do not know it.
type Evidence string

// The grades. Only MaybeReceived (and, rarely, Answered with a 5xx) can make a
// duplicate in the CRM.
const (
	NotSent       Evidence = "not_sent"       // failed before a byte of the request was written
	MaybeReceived Evidence = "maybe_received" // bytes were written, no status came
	Answered      Evidence = "answered"       // a status came
)

// A Reason says in one word why something is a dead letter.
type Reason string

// The reasons. The first group is for events that cannot be read; there the
// dead letter belongs to no webhook.
const (
	NotJSON        Reason = "not_json"
	BadUTF8        Reason = "bad_utf8"
	NoAdvertiser   Reason = "no_advertiser"
	BadTrigger     Reason = "bad_trigger"
	BadLeadID      Reason = "bad_lead_id"
	NoEventType    Reason = "no_event_type"
	AmbiguousField Reason = "ambiguous_field"
	TooLarge       Reason = "too_large"
	Internal       Reason = "internal" // handling it panicked

	Exhausted       Reason = "exhausted"        // every attempt of the schedule failed
	Expired         Reason = "expired"          // its 72 hours were over
	Refused         Reason = "refused"          // the CRM said that it will never take it
	Gone            Reason = "gone"             // the CRM answered 410
	WebhookDisabled Reason = "webhook_disabled" // inactive by the service
	WebhookInactive Reason = "webhook_inactive" // inactive by the advertiser
	WebhookRemoved  Reason = "webhook_removed"
	WebhookDamaged  Reason = "webhook_damaged" // its record in Redis cannot be read
)

// Reasons are all reasons, those of events that cannot be read first.
func Reasons() []Reason {
	return []Reason{
		NotJSON, BadUTF8, NoAdvertiser, BadTrigger, BadLeadID, NoEventType, AmbiguousField, TooLarge, Internal,
		Exhausted, Expired, Refused, Gone, WebhookDisabled, WebhookInactive, WebhookRemoved, WebhookDamaged,
	}
}

// A History is how far a delivery has got, over all instances and waits. Kafka
// carries it from one attempt to the next.
type History struct {
	Advertiser string // empty if the event could not be read so far
	Webhook    string // empty for an event that could not be read
	Delivery   string // empty for an event that could not be read

	Attempts int      // attempts made
	Step     int      // scheduled waits so far; quick retries, deferrals and hops do not count
	Replays  int      // how often an operator replayed it
	Status   int      // the last HTTP status; zero: none came
	Evidence Evidence // of the last attempt; empty: none was made
	Error    string   // the last fault in plain words, no secret and no personal data; empty: there was none

	Received      time.Time // when the event was first published
	FirstAttempt  time.Time // zero: none was made
	LastAttempt   time.Time // zero: none was made
	FirstDeferral time.Time // when it first had to wait before any attempt; zero: never
}

// Begun is when the time that a delivery has began to run: with its first
// attempt or its first deferral, whichever was earlier. Zero: with neither yet.
func (h *History) Begun() time.Time {
	if h.FirstAttempt.IsZero() || !h.FirstDeferral.IsZero() && h.FirstDeferral.Before(h.FirstAttempt) {
		return h.FirstDeferral
	}
	return h.FirstAttempt
}

// A DeadLetter is a delivery, or an event that cannot be read, that will not
// be tried again by itself. Its Message is kept as it was published.
type DeadLetter struct {
	Message Message
	Reason  Reason
	History
}

// A Waiting is a delivery that waits in Kafka for its next attempt. Its Message
// is kept as it was published.
type Waiting struct {
	Message   Message
	NotBefore time.Time // when the attempt is due; never before
	History
}
