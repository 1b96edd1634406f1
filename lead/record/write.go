package record

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead"
)

// maxText is the longest leadhook.error, and the longest leadhook.answer, in bytes.
const maxText = 1 << 10

// timeLayout is RFC 3339 with milliseconds, which is what Kafka keeps of a time.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// DeadLetterHeaders returns the headers of a dead letter's record: the event's own, as
// they were published, and those for what became of it.
func DeadLetterHeaders(l *lead.DeadLetter) []lead.Header {
	var h headers
	h.text(headerReason, string(l.Reason))
	h.history(&l.History)
	return h.addedTo(&l.Message)
}

// WaitingHeaders returns the headers of a waiting delivery's record: the event's own, as
// they were published, and those for what became of it so far.
func WaitingHeaders(w *lead.Waiting) []lead.Header {
	var h headers
	h.text(headerReason, string(w.Reason))
	h.time(headerNotBefore, wholeMillis(w.NotBefore))
	h.history(&w.History)
	return h.addedTo(&w.Message)
}

// addedTo returns the event's headers followed by h and the source.
func (h headers) addedTo(event *lead.Message) []lead.Header {
	h.text(headerSource, source(event))
	return append(foreign(event.Headers), h...)
}

// wholeMillis rounds up: no delivery may be due before t because its header has
// milliseconds only.
func wholeMillis(t time.Time) time.Time {
	return t.Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond)
}

// foreign returns the headers that are not leadhook's. Those that a producer writes with
// leadhook's names are dropped.
func foreign(all []lead.Header) []lead.Header {
	var kept []lead.Header
	for _, h := range all {
		if !strings.HasPrefix(h.Key, ownHeaders) {
			kept = append(kept, h)
		}
	}
	return kept
}

// headers collects headers that are not empty.
type headers []lead.Header

func (h *headers) text(key, value string) {
	if value != "" {
		*h = append(*h, lead.Header{Key: key, Value: []byte(readable(value))})
	}
}

// history adds what [readHistory] reads back.
func (h *headers) history(of *lead.History) {
	for _, text := range []struct{ key, value string }{
		{headerError, of.Error}, {headerHost, of.Host}, {headerAnswer, of.Answer}, {headerLocation, of.Location}, {headerRecord, of.Record},
	} {
		h.text(text.key, cut(readable(text.value), maxText))
	}
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
	if of.MaybeReceived {
		h.text(headerMaybeReceived, "true")
	}
	h.time(headerReceived, of.Received)
	h.time(headerFirstAttempt, of.FirstAttempt)
	h.time(headerLastAttempt, of.LastAttempt)
	h.time(headerFirstDeferral, of.FirstDeferral)
}

func (h *headers) count(key string, n int) { h.text(key, strconv.Itoa(n)) }

// time leaves out years that RFC 3339 cannot write: some producers write
// microseconds where Kafka has milliseconds.
func (h *headers) time(key string, t time.Time) {
	if t = t.UTC(); !t.IsZero() && t.Year() >= 0 && t.Year() <= 9999 {
		h.text(key, t.Format(timeLayout))
	}
}

// readable returns s as valid UTF-8 without control characters, for people and
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

// source returns where the event is: topic/partition/offset.
func source(m *lead.Message) string {
	if m.Topic == "" {
		return ""
	}
	return m.Topic + "/" + strconv.Itoa(m.Partition) + "/" + strconv.FormatInt(m.Offset, 10)
}
