package receipt

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// Version is the version of the receipts that this package writes. One that only adds fields
// keeps the number; one with other types, outcomes or reasons, or that changes what is there,
// has a greater one.
const Version = 1

// A Type is what a receipt is about.
type Type string

// The types.
const (
	TypeRecord      Type = "record"       // one Kafka record that was settled
	TypeLateAttempt Type = "late_attempt" // an attempt that ended after its delivery had been handed over
	TypeNoWebhooks  Type = "no_webhooks"  // events of advertisers that have no webhooks
	TypeGap         Type = "gap"          // receipts that could not be written
)

// Types has all types.
var Types = []Type{TypeRecord, TypeLateAttempt, TypeNoWebhooks, TypeGap}

// A Receipt says what became of one Kafka record, or what its Type says. The fields that do
// not apply, or are not known, have their zero value and are left out of the JSON. Times are
// in UTC and have whole milliseconds; other times are rounded down.
type Receipt struct {
	Version int  `json:"version"` // [Receipt.Append] writes [Version]
	Type    Type `json:"type"`

	// Place is the settled record; of a late attempt the one that brought the delivery. A record
	// that was read twice, or whose acknowledgement was lost, has two receipts. It is zero for
	// no_webhooks and gap, which have Partition and Offsets.
	Place Place `json:"place,omitzero"`

	// Source is where the event was first published; zero if that is Place, or not known.
	Source Place `json:"source,omitzero"`

	At       time.Time `json:"at,omitzero"` // when it was settled; of no_webhooks and gap, when the last of them was
	Instance string    `json:"instance,omitzero"`

	Advertiser string       `json:"advertiser,omitzero"` // empty if it could not be read
	Lead       string       `json:"lead,omitzero"`       // lead.id in digits; empty if it could not be read
	Kind       lead.Kind    `json:"kind,omitzero"`
	Trigger    lead.Trigger `json:"trigger,omitzero"`
	Test       bool         `json:"test,omitzero"`
	Published  time.Time    `json:"published,omitzero"` // when the event was first published to Kafka

	// Pseudonyms of the lead's e-mail addresses and phone numbers, each behind the name of its
	// key and a colon: a receipt has no personal data in clear.
	Emails []string `json:"emails,omitzero"`
	Phones []string `json:"phones,omitzero"`

	// What became of a whole event. Empty for a single delivery.
	Outcome  Outcome   `json:"outcome,omitzero"`
	Wanted   int       `json:"wanted,omitzero"`   // webhooks that want it; Deliveries has one for each
	Declined []Decline `json:"declined,omitzero"` // the advertiser's other webhooks

	// Why it is unreadable, internal, put off or forwarded. Reason is that of the dead letter,
	// or of the one that it is to become. Error is in plain words. Until is when it comes back.
	Reason lead.Reason `json:"reason,omitzero"`
	Error  string      `json:"error,omitzero"`
	Until  time.Time   `json:"until,omitzero"`

	Deliveries []Delivery `json:"deliveries,omitzero"`

	// Of no_webhooks and gap: how many records, which, and when the first of them was settled.
	// Those of a gap have no receipt of their own, for the reason in Error; some may have one
	// nonetheless.
	Partition int       `json:"partition,omitzero"` // also written if it is 0
	Offsets   []Offsets `json:"offsets,omitzero"`
	Count     int64     `json:"count,omitzero"`
	Since     time.Time `json:"since,omitzero"`
}

// IsNewer reports whether a later version of leadhook wrote the receipt, in which what this
// one knows may mean something else.
func (r *Receipt) IsNewer() bool { return r.Version > Version }

// A Place is one record of a Kafka topic. Its text is topic/partition/offset.
type Place struct {
	Topic     string
	Partition int
	Offset    int64
}

// PlaceOf returns where a message was read.
func PlaceOf(m *lead.Message) Place { return Place{m.Topic, m.Partition, m.Offset} }

func (p Place) String() string { return string(p.appendTo(nil)) }

func (p Place) appendTo(b []byte) []byte {
	b = append(append(b, p.Topic...), '/')
	b = append(strconv.AppendInt(b, int64(p.Partition), 10), '/')
	return strconv.AppendInt(b, p.Offset, 10)
}

// MarshalText implements [encoding.TextMarshaler].
func (p Place) MarshalText() ([]byte, error) { return p.appendTo(nil), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Place) UnmarshalText(text []byte) error {
	topic, numbers, _ := strings.Cut(string(text), "/") // a topic's name has no slash
	partition, offset, _ := strings.Cut(numbers, "/")
	n, err1 := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	if topic == "" || err1 != nil || err2 != nil || n < 0 || o < 0 {
		return errors.New("a place is not topic/partition/offset")
	}
	*p = Place{topic, int(n), o}
	return nil
}

// Offsets are records of one topic, in the partition of the receipt. Of no_webhooks they are
// all from First to Last, of a gap only Count of these.
type Offsets struct {
	Topic string `json:"topic"`
	First int64  `json:"first"`
	Last  int64  `json:"last"`
	Count int64  `json:"count"`
}

// MaxDeclined is how many webhooks a [Decline] names at most; there may be more.
const MaxDeclined = 20

// A Decline is webhooks that did not want an event, all for the same reason.
type Decline struct {
	Why      lead.Decline `json:"why"`
	Count    int          `json:"count"`
	Webhooks []string     `json:"webhooks,omitzero"` // the ids of the first of them, at most [MaxDeclined]
}

// Declines adds a webhook that did not want the event.
func (r *Receipt) Declines(why lead.Decline, webhook string) {
	for i := range r.Declined {
		if d := &r.Declined[i]; d.Why == why {
			d.Count++
			if len(d.Webhooks) < MaxDeclined {
				d.Webhooks = append(d.Webhooks, webhook)
			}
			return
		}
	}
	r.Declined = append(r.Declined, Decline{Why: why, Count: 1, Webhooks: []string{webhook}})
}
