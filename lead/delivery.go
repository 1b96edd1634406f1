package lead

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// DeliveryID returns the id of the delivery of a lead event to a webhook. It never
// changes: the same event published again has the same id. A CRM gets it as
// webhook-id, and should deduplicate by it.
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

// Evidence is what is known about a failed attempt: whether the CRM may have the lead
// nonetheless.
type Evidence string

// The kinds of evidence. Only after MaybeReceived (and, rarely, Answered with a
// 5xx) can another attempt make a duplicate in the CRM.
const (
	NotSent       Evidence = "not_sent"       // failed before a byte of the request was written
	MaybeReceived Evidence = "maybe_received" // bytes were written, no status came
	Answered      Evidence = "answered"       // a status came
)

// A History is what happened to a delivery so far, in all instances and over all waits.
// It is kept in the headers of the delivery's record in Kafka.
type History struct {
	Advertiser string // empty if the event could not be read that far
	Webhook    string // empty for an event that could not be read
	Host       string // of the webhook's URL when the delivery last had its turn, with the port if the URL has one; empty if it had none, or that was before leadhook kept it
	Delivery   string // empty for an event that could not be read

	Attempts int      // attempts made
	Step     int      // scheduled waits so far, without quick retries, deferrals and forwards
	Replays  int      // how often an operator replayed it
	Status   int      // the last HTTP status; zero if none came
	Evidence Evidence // of the last attempt; empty if none was made

	Error string // the last error in plain words, without secrets and personal data; empty if there was none

	// What the CRM said to the last attempt if that failed, each maybe empty, on one line and
	// without what it said of the lead and of secrets.
	Answer   string // the beginning of the body, at most 1 KiB
	Location string // where a 3xx leads: see [ShownLocation]
	Record   string // its own id of the lead

	Received      time.Time // when the event was first published
	FirstAttempt  time.Time // zero if none was made
	LastAttempt   time.Time // zero if none was made
	FirstDeferral time.Time // when it first had to wait before any attempt; zero if never

	// MaybeReceived is set once the CRM may have the lead after an attempt, and stays: a CRM
	// that then says that it has the lead already (409) is right.
	MaybeReceived bool
}

// Begun returns the time from which on the delivery's age is counted, for expiry: its
// first attempt or its first deferral, whichever was earlier; zero if there was neither.
func (h *History) Begun() time.Time {
	if h.FirstAttempt.IsZero() || !h.FirstDeferral.IsZero() && h.FirstDeferral.Before(h.FirstAttempt) {
		return h.FirstDeferral
	}
	return h.FirstAttempt
}

// A DeadLetter is a delivery, or an event that could not be read, that is not attempted
// again unless an operator replays it. Its Message is kept as it was published.
type DeadLetter struct {
	Message Message
	Reason  Reason
	History
}

// A Waiting is a delivery that waits in Kafka for its next attempt. It may also be a dead
// letter that waits there until dead letters can be written, or an event, without a
// Delivery, that waits until its webhooks can be read. Its Message is kept as it was
// published.
type Waiting struct {
	Message   Message
	NotBefore time.Time // when the attempt is due; it is never made earlier
	Reason    Reason    // why it is a dead letter; empty: it is none
	History
}
