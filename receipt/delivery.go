package receipt

import (
	"time"

	"github.com/leadhook/leadhook/lead"
)

// An Outcome is what became of a whole event or of a delivery, for now: see the list in the
// package's documentation.
type Outcome string

// The outcomes of a whole event. It may also be PutOff or Forwarded.
const (
	Wanted      Outcome = "wanted"
	Unwanted    Outcome = "unwanted"
	UnknownType Outcome = "unknown_type"
	Unreadable  Outcome = "unreadable"
	Internal    Outcome = "internal"
	Left        Outcome = "left"
)

// The outcomes of a delivery.
const (
	Delivered  Outcome = "delivered"
	Scheduled  Outcome = "scheduled"
	Deferred   Outcome = "deferred"
	HandedOver Outcome = "handed_over"
	Dead       Outcome = "dead"
	Repeated   Outcome = "repeated"
	Forwarded  Outcome = "forwarded"
	PutOff     Outcome = "put_off"
)

// EventOutcomes and DeliveryOutcomes have all outcomes that an event and a delivery can have.
var (
	EventOutcomes    = []Outcome{Wanted, Unwanted, UnknownType, Unreadable, Internal, Left, Forwarded, PutOff}
	DeliveryOutcomes = []Outcome{Delivered, Scheduled, Deferred, HandedOver, Dead, Repeated, Forwarded, PutOff}
)

// A Delivery is what became of one delivery while its record was handled.
type Delivery struct {
	ID      string `json:"id"` // the header webhook-id
	Webhook string `json:"webhook"`
	Host    string `json:"host,omitzero"` // of the webhook's URL, with the port if the URL has one; empty if it had no turn

	Outcome Outcome   `json:"outcome"`
	Until   time.Time `json:"until,omitzero"` // when it is due again, of those that wait
	Why     string    `json:"why,omitzero"`   // why it waits or is dead, in plain words, without secrets and personal data

	Reason lead.Reason `json:"reason,omitzero"` // of the dead letter, or of the one that it is to become
	Mark   lead.Mark   `json:"mark,omitzero"`   // in the ledger, if it was repeated: how far the delivery had got

	Step    int    `json:"step,omitzero"`    // scheduled waits over all, this one included
	Made    int    `json:"made,omitzero"`    // attempts over all, those below included
	Replays int    `json:"replays,omitzero"` // how often it was replayed
	Actor   string `json:"actor,omitzero"`   // by whom it was replayed last, as that person or program said

	Attempts []Attempt `json:"attempts,omitzero"` // that were made for this record, in their order
}

// An Attempt is one POST.
type Attempt struct {
	Number int       `json:"number"` // over all; the header webhook-attempt
	At     time.Time `json:"at"`     // when it began
	Millis int64     `json:"ms"`     // until the end of the answer, or of the wait for one

	Host   string `json:"host,omitzero"`   // if it is another one than the delivery's
	Family string `json:"family,omitzero"` // [IPv4] or [IPv6]; empty if there was no connection
	Status int    `json:"status,omitzero"` // of HTTP; zero if none came

	Outcome  AttemptOutcome `json:"outcome"`
	Evidence lead.Evidence  `json:"evidence,omitzero"` // whether the CRM may have the lead, if it failed
	Cause    lead.Cause     `json:"cause,omitzero"`    // what somebody has to look at, if it failed
	Error    string         `json:"error,omitzero"`    // why it failed, in plain words, without secrets and personal data

	// What the CRM said, without what it said of the lead and of secrets.
	Words    string `json:"words,omitzero"`    // its own words, where a rule for its answers says where they are
	Answer   string `json:"answer,omitzero"`   // of a failed attempt the beginning of the body, at most 1 KiB
	Location string `json:"location,omitzero"` // where a 3xx leads: see [lead.ShownLocation]
	Record   string `json:"record,omitzero"`   // its own id of the lead

	Rule  string `json:"rule,omitzero"`  // which of the webhook's rules for answers decided; empty if none did
	Doubt bool   `json:"doubt,omitzero"` // it was delivered by its status, although the answer plainly says failure
}

// The families of the address that was connected to.
const (
	IPv4 = "ipv4"
	IPv6 = "ipv6"
)

// An AttemptOutcome is what the end of an attempt means.
type AttemptOutcome string

// The outcomes of an attempt.
const (
	AttemptDelivered  AttemptOutcome = "delivered"   // the CRM has the lead
	AttemptTransient  AttemptOutcome = "transient"   // a later attempt may succeed
	AttemptNeedsHuman AttemptOutcome = "needs_human" // a later attempt may succeed once somebody changes something
	AttemptGone       AttemptOutcome = "gone"        // the webhook no longer exists (410)
	AttemptRefused    AttemptOutcome = "refused"     // the CRM will never take this lead
)

// AttemptOutcomes has all outcomes of an attempt.
var AttemptOutcomes = []AttemptOutcome{AttemptDelivered, AttemptTransient, AttemptNeedsHuman, AttemptGone, AttemptRefused}
