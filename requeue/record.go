package requeue

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead"
)

// The headers of dead letters and of deliveries that wait, all UTF-8 text. The
// counts are always there; of the others, one that would be empty is left out:
// it is unknown, or there was none.
const (
	ownHeaders = "leadhook." // what every one of them begins with

	headerReason        = ownHeaders + "reason"     // of a dead letter
	headerNotBefore     = ownHeaders + "not-before" // of a delivery that waits
	headerError         = ownHeaders + "error"
	headerAdvertiser    = ownHeaders + "advertiser"
	headerWebhook       = ownHeaders + "webhook"
	headerDelivery      = ownHeaders + "delivery"
	headerAttempts      = ownHeaders + "attempts"
	headerStep          = ownHeaders + "step"
	headerReplays       = ownHeaders + "replays"
	headerStatus        = ownHeaders + "status"
	headerEvidence      = ownHeaders + "evidence"
	headerReceived      = ownHeaders + "received"
	headerFirstAttempt  = ownHeaders + "first-attempt"
	headerLastAttempt   = ownHeaders + "last-attempt"
	headerFirstDeferral = ownHeaders + "first-deferral"
	headerSource        = ownHeaders + "source"
)

// maxError is the longest leadhook.error, in bytes.
const maxError = 1 << 10

// timeLayout is RFC 3339 with milliseconds, which is what Kafka keeps of a time.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// A Record is what is to be published. Its bytes must not change until Publish
// has returned, nor afterwards if Publish returned an error: the record may be
// on its way still.
type Record struct {
	Topic string

	// Partition is the number of the partition. -1 lets the key decide, by the
	// murmur2 hash that the Java clients use, so that every producer agrees; a
	// record with a nil key then goes to any partition.
	Partition int

	Key, Value []byte // nil: the record has none
	Headers    []lead.Header
}

// size is what the record takes in a batch, in bytes, never less than it does.
func (r *Record) size() int {
	const lengths = 5 // a length is a variable-length integer of at most five bytes
	const fixed = 10 + 10 + 4*lengths
	n := fixed + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 2*lengths + len(h.Key) + len(h.Value)
	}
	return n
}

// deadLetterRecord lays a dead letter out as a record: the event's bytes and
// headers as they were published, and beside them what became of it.
//
// Its partition has the number of the event's own, so that all that belongs to
// an advertiser meets on one instance. The key is the advertiser's id, except
// that an event which became no delivery keeps its own.
func deadLetterRecord(topic string, letter *lead.DeadLetter) Record {
	key := letter.Message.Key
	if letter.Delivery != "" {
		key = []byte(letter.Advertiser)
	}
	var h headers
	h.text(headerReason, string(letter.Reason))
	h.history(&letter.History)
	return record(topic, key, &letter.Message, h)
}

// waitingRecord lays a delivery that waits out as a record, like a dead letter.
func waitingRecord(topic string, w *lead.Waiting) Record {
	var h headers
	h.time(headerNotBefore, wholeMillis(w.NotBefore))
	h.history(&w.History)
	return record(topic, []byte(w.Advertiser), &w.Message, h)
}

// record puts our headers beside the event.
func record(topic string, key []byte, event *lead.Message, ours headers) Record {
	ours.text(headerSource, source(event))
	return Record{
		Topic:     topic,
		Partition: event.Partition,
		Key:       key,
		Value:     event.Value,
		Headers:   append(foreign(event.Headers), ours...),
	}
}

// wholeMillis rounds up, since what is not due before t must not be due before
// it as a header either.
func wholeMillis(t time.Time) time.Time {
	return t.Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond)
}

// foreign are the headers that are not ours. What a producer writes under our
// names says nothing, and is replaced.
func foreign(all []lead.Header) []lead.Header {
	var kept []lead.Header
	for _, h := range all {
		if !strings.HasPrefix(h.Key, ownHeaders) {
			kept = append(kept, h)
		}
	}
	return kept
}

// headers collects headers that have something to say.
type headers []lead.Header

func (h *headers) text(key, value string) {
	if value != "" {
		*h = append(*h, lead.Header{Key: key, Value: []byte(readable(value))})
	}
}

// history is what [history] reads back.
func (h *headers) history(of *lead.History) {
	h.text(headerError, cut(readable(of.Error), maxError))
	h.text(headerAdvertiser, of.Advertiser)
	h.text(headerWebhook, of.Webhook)
	h.text(headerDelivery, of.Delivery)
	h.count(headerAttempts, of.Attempts)
	h.count(headerStep, of.Step)
	h.count(headerReplays, of.Replays)
	if of.Status != 0 {
		h.count(headerStatus, of.Status)
	}
	h.text(headerEvidence, string(of.Evidence))
	h.time(headerReceived, of.Received)
	h.time(headerFirstAttempt, of.FirstAttempt)
	h.time(headerLastAttempt, of.LastAttempt)
	h.time(headerFirstDeferral, of.FirstDeferral)
}

func (h *headers) count(key string, n int) { h.text(key, strconv.Itoa(n)) }

// time leaves out years that RFC 3339 cannot write: a producer may have put
// microseconds where Kafka counts milliseconds.
func (h *headers) time(key string, t time.Time) {
	if t = t.UTC(); !t.IsZero() && t.Year() >= 0 && t.Year() <= 9999 {
		h.text(key, t.Format(timeLayout))
	}
}

// readable makes s valid UTF-8 without control characters, for people and
// terminals.
func readable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// cut shortens s to at most limit bytes without splitting a rune.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// source says where the event lies: topic/partition/offset.
func source(m *lead.Message) string {
	if m.Topic == "" {
		return ""
	}
	return m.Topic + "/" + strconv.Itoa(m.Partition) + "/" + strconv.FormatInt(m.Offset, 10)
}
