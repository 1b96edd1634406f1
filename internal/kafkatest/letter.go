package kafkatest

import (
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
)

// Header is a header of a record.
func Header(key, value string) lead.Header { return lead.Header{Key: key, Value: []byte(value)} }

// Time is a time of the precision that headers have.
func Time(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// Letter is a dead letter with every field that a delivery has which was tried.
func Letter() *lead.DeadLetter {
	return &lead.DeadLetter{
		Message: lead.Message{
			Topic: "leads", Partition: 2, Offset: 1842,
			Key:     []byte("whatever the producer liked"),
			Value:   []byte("{ \"lead\": {\"id\": 9007199254740993} }\r\n"),
			Headers: []lead.Header{Header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		},
		Reason: lead.Exhausted,
		History: lead.History{
			Error:  "the CRM answered 503",
			Answer: `{"error":"try later"}`, Location: "https://crm.example.com/busy", Record: "5725767000000524157",
			Advertiser: "USA_332240", Webhook: "84+TEST_1", Delivery: "dlv_00112233445566778899aabbccddeeff",
			Attempts: 11, Step: 9, Replays: 1, Status: 503, Evidence: lead.Answered,
			Received:     Time("2026-11-23T16:12:09.5Z"),
			FirstAttempt: Time("2026-11-23T16:12:10.123Z"),
			LastAttempt:  Time("2026-11-26T12:22:45.999Z"),
		},
	}
}

// AnyLetter draws a letter with every field at random, of the precision and
// cleanness that headers have.
func AnyLetter(t *rapid.T) *lead.DeadLetter {
	word := rapid.StringMatching(`[A-Za-z0-9_+äπ😀 -]{0,40}`)
	count := rapid.IntRange(0, 1<<30)
	when := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "unknown") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(-62135596799999, 253402300799999).Draw(t, "ms")).UTC()
	})
	bytes := rapid.SliceOfN(rapid.Byte(), 0, 100)
	key := func(t *rapid.T) string {
		return rapid.String().Filter(func(s string) bool { return !strings.HasPrefix(s, "leadhook.") }).Draw(t, "header")
	}
	l := &lead.DeadLetter{
		Reason: lead.Reason(word.Draw(t, "reason")),
		History: lead.History{
			Error: word.Draw(t, "error"),
			Host:  word.Draw(t, "host"), Answer: word.Draw(t, "answer"), Location: word.Draw(t, "location"), Record: word.Draw(t, "record"),
			Advertiser:    word.Draw(t, "advertiser"),
			Webhook:       word.Draw(t, "webhook"),
			Delivery:      word.Draw(t, "delivery"),
			Evidence:      lead.Evidence(word.Draw(t, "evidence")),
			MaybeReceived: rapid.Bool().Draw(t, "maybe"),
			Attempts:      count.Draw(t, "attempts"), Step: count.Draw(t, "step"),
			Replays: count.Draw(t, "replays"), Status: count.Draw(t, "status"),
			Received: when.Draw(t, "received"), FirstAttempt: when.Draw(t, "first"), LastAttempt: when.Draw(t, "last"),
			FirstDeferral: when.Draw(t, "deferral"),
		},
	}
	l.Message = lead.Message{
		Topic:     rapid.StringMatching(`[a-zA-Z0-9._-]{1,40}`).Draw(t, "topic"),
		Partition: rapid.IntRange(0, 2).Draw(t, "partition"),
		Offset:    rapid.Int64Range(0, 1<<62).Draw(t, "offset"),
		Key:       bytes.Draw(t, "key"),
		Value:     bytes.Draw(t, "value"),
		Time:      l.Received,
	}
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		l.Message.Headers = append(l.Message.Headers, lead.Header{Key: key(t), Value: bytes.Draw(t, "content")})
	}
	return l
}
