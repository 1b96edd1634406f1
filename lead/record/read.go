package record

import (
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// ReadDeadLetter reads a dead letter from a record of the dead-letter topic. A header
// that is missing or damaged gives the zero value.
//
// The letter's Message is the event as it was published: its topic, partition and
// offset (an empty topic and offset -1 if the record does not have them), its bytes,
// and its own headers only. Its key is the record's, and its time is when the event
// was first published.
func ReadDeadLetter(m *lead.Message) lead.DeadLetter {
	h := readHistory(m)
	return lead.DeadLetter{Message: published(m, h.Received), Reason: lead.Reason(m.Header(headerReason)), History: h}
}

// ReadWaiting reads what waits from a record of a retry topic, in the same
// way as [ReadDeadLetter]. A zero NotBefore means that the wait is over.
func ReadWaiting(m *lead.Message) lead.Waiting {
	h := readHistory(m)
	return lead.Waiting{
		Message: published(m, h.Received), NotBefore: NotBefore(m), Reason: lead.Reason(m.Header(headerReason)), History: h,
	}
}

// IsNewer reports whether a record was written in a format that only later versions of
// leadhook can read. It must be left as it is.
func IsNewer(m *lead.Message) bool { return number(m.Header(headerFormat)) > format }

// NotBefore returns when the delivery in a record of a retry topic is due; zero if the
// record does not say.
func NotBefore(m *lead.Message) time.Time { return instant(m.Header(headerNotBefore)) }

// published returns the event in m as it was first published, as far as m says.
func published(m *lead.Message, received time.Time) lead.Message {
	event := lead.Message{
		Partition: m.Partition,
		Offset:    -1,
		Key:       m.Key,
		Value:     m.Value,
		Headers:   foreign(m.Headers),
		Time:      received,
	}
	locate(&event, m.Header(headerSource))
	return event
}

// readHistory reads a delivery's history.
func readHistory(m *lead.Message) lead.History {
	return lead.History{
		Error:         m.Header(headerError),
		Host:          m.Header(headerHost),
		Answer:        m.Header(headerAnswer),
		Location:      m.Header(headerLocation),
		Record:        m.Header(headerRecord),
		Advertiser:    m.Header(headerAdvertiser),
		Webhook:       m.Header(headerWebhook),
		Delivery:      m.Header(headerDelivery),
		Attempts:      number(m.Header(headerAttempts)),
		Step:          number(m.Header(headerStep)),
		Replays:       number(m.Header(headerReplays)),
		Status:        number(m.Header(headerStatus)),
		Evidence:      lead.Evidence(m.Header(headerEvidence)),
		MaybeReceived: m.Header(headerMaybeReceived) == "true" || m.Header(headerEvidence) == string(lead.MaybeReceived), // versions before wrote no such header
		Received:      instant(m.Header(headerReceived)),
		FirstAttempt:  instant(m.Header(headerFirstAttempt)),
		LastAttempt:   instant(m.Header(headerLastAttempt)),
		FirstDeferral: instant(m.Header(headerFirstDeferral)),
	}
}

// locate reads what [source] has written. A topic's name has no slash.
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
