package requeue

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead"
)

// The headers of a dead letter, all UTF-8 text. The counts are always there;
// of the others, one that would be empty is left out: it is unknown, or there
// was none.
const (
	ownHeaders = "leadhook." // what every one of them begins with

	headerReason       = ownHeaders + "reason"
	headerError        = ownHeaders + "error"
	headerAdvertiser   = ownHeaders + "advertiser"
	headerWebhook      = ownHeaders + "webhook"
	headerDelivery     = ownHeaders + "delivery"
	headerAttempts     = ownHeaders + "attempts"
	headerStep         = ownHeaders + "step"
	headerReplays      = ownHeaders + "replays"
	headerStatus       = ownHeaders + "status"
	headerEvidence     = ownHeaders + "evidence"
	headerReceived     = ownHeaders + "received"
	headerFirstAttempt = ownHeaders + "first-attempt"
	headerLastAttempt  = ownHeaders + "last-attempt"
	headerSource       = ownHeaders + "source"
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
	return Record{
		Topic:     topic,
		Partition: letter.Message.Partition,
		Key:       key,
		Value:     letter.Message.Value,
		Headers:   append(foreign(letter.Message.Headers), describe(letter)...),
	}
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

func describe(letter *lead.DeadLetter) []lead.Header {
	var h headers
	h.text(headerReason, string(letter.Reason))
	h.text(headerError, cut(readable(letter.Error), maxError))
	h.text(headerAdvertiser, letter.Advertiser)
	h.text(headerWebhook, letter.Webhook)
	h.text(headerDelivery, letter.Delivery)
	h.count(headerAttempts, letter.Attempts)
	h.count(headerStep, letter.Step)
	h.count(headerReplays, letter.Replays)
	if letter.Status != 0 {
		h.count(headerStatus, letter.Status)
	}
	h.text(headerEvidence, string(letter.Evidence))
	h.time(headerReceived, letter.Received)
	h.time(headerFirstAttempt, letter.FirstAttempt)
	h.time(headerLastAttempt, letter.LastAttempt)
	h.text(headerSource, source(&letter.Message))
	return h
}

// headers collects headers that have something to say.
type headers []lead.Header

func (h *headers) text(key, value string) {
	if value != "" {
		*h = append(*h, lead.Header{Key: key, Value: []byte(readable(value))})
	}
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

// ParseDeadLetter reads a record of the dead-letter topic back. It takes what
// it finds: a header that is missing or damaged gives the zero value.
//
// The letter's Message is the event as it was published: topic, partition and
// offset of the event (with an empty topic and offset -1 if the record does
// not tell), its bytes, and its own headers only. Its key is the record's, and
// its time is when the event was first published.
func ParseDeadLetter(m *lead.Message) lead.DeadLetter {
	letter := lead.DeadLetter{
		Reason:  lead.Reason(m.Header(headerReason)),
		History: history(m),
	}
	letter.Message = lead.Message{
		Partition: m.Partition,
		Offset:    -1,
		Key:       m.Key,
		Value:     m.Value,
		Headers:   foreign(m.Headers),
		Time:      letter.Received,
	}
	locate(&letter.Message, m.Header(headerSource))
	return letter
}

// history reads what describe has written of a delivery's history.
func history(m *lead.Message) lead.History {
	return lead.History{
		Error:        m.Header(headerError),
		Advertiser:   m.Header(headerAdvertiser),
		Webhook:      m.Header(headerWebhook),
		Delivery:     m.Header(headerDelivery),
		Attempts:     number(m.Header(headerAttempts)),
		Step:         number(m.Header(headerStep)),
		Replays:      number(m.Header(headerReplays)),
		Status:       number(m.Header(headerStatus)),
		Evidence:     lead.Evidence(m.Header(headerEvidence)),
		Received:     instant(m.Header(headerReceived)),
		FirstAttempt: instant(m.Header(headerFirstAttempt)),
		LastAttempt:  instant(m.Header(headerLastAttempt)),
	}
}

// locate reads what source has written. A topic's name has no slash.
func locate(m *lead.Message, source string) {
	parts := strings.Split(source, "/")
	if len(parts) != 3 {
		return
	}
	partition, err1 := strconv.ParseInt(parts[1], 10, 32)
	offset, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err1 != nil || err2 != nil || partition < 0 || offset < 0 {
		return
	}
	m.Topic, m.Partition, m.Offset = parts[0], int(partition), offset
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
