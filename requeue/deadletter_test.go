package requeue_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap/zaptest"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/requeue"
)

func header(key, value string) lead.Header { return lead.Header{Key: key, Value: []byte(value)} }

// at is a time of the precision that headers have.
func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func aLetter() *lead.DeadLetter {
	return &lead.DeadLetter{
		Message: lead.Message{
			Topic: "leads", Partition: 2, Offset: 1842,
			Key:     []byte("whatever the producer liked"),
			Value:   []byte("{ \"lead\": {\"id\": 9007199254740993} }\r\n"),
			Headers: []lead.Header{header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		},
		Reason: lead.Exhausted,
		History: lead.History{
			Error:      "the CRM answered 503",
			Advertiser: "USA_332240", Webhook: "84+TEST_1", Delivery: "dlv_00112233445566778899aabbccddeeff",
			Attempts: 11, Step: 9, Replays: 1, Status: 503, Evidence: lead.Answered,
			Received:     at("2026-11-23T16:12:09.5Z"),
			FirstAttempt: at("2026-11-23T16:12:10.123Z"),
			LastAttempt:  at("2026-11-26T12:22:45.999Z"),
		},
	}
}

// bury buries the letter in an empty topic and returns the record.
func bury(t *testing.T, letter *lead.DeadLetter) lead.Message {
	t.Helper()
	r := newRig(t)
	topic := r.Topic(t, 3)
	d := requeue.NewDeadLetters(publisher(t, r, zaptest.NewLogger(t)), topic)
	if err := d.Bury(within(t), letter); err != nil {
		t.Fatal(err)
	}
	return r.Reader(t, topic, letter.Message.Partition)()
}

func TestDeadLetterRecord(t *testing.T) {
	got := bury(t, aLetter())
	want := lead.Message{
		Partition: 2,
		Key:       []byte("USA_332240"),
		Value:     []byte("{ \"lead\": {\"id\": 9007199254740993} }\r\n"),
		Headers: []lead.Header{
			header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
			header("leadhook.reason", "exhausted"),
			header("leadhook.error", "the CRM answered 503"),
			header("leadhook.advertiser", "USA_332240"),
			header("leadhook.webhook", "84+TEST_1"),
			header("leadhook.delivery", "dlv_00112233445566778899aabbccddeeff"),
			header("leadhook.attempts", "11"),
			header("leadhook.step", "9"),
			header("leadhook.replays", "1"),
			header("leadhook.status", "503"),
			header("leadhook.evidence", "answered"),
			header("leadhook.received", "2026-11-23T16:12:09.500Z"),
			header("leadhook.first-attempt", "2026-11-23T16:12:10.123Z"),
			header("leadhook.last-attempt", "2026-11-26T12:22:45.999Z"),
			header("leadhook.source", "leads/2/1842"),
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(lead.Message{}, "Topic", "Offset", "Time")); diff != "" {
		t.Errorf("record, -want +got:\n%s", diff)
	}
	if age := time.Since(got.Time); age < -time.Minute || age > time.Minute {
		t.Errorf("record's time is %v, want the time of its burial", got.Time)
	}
}

func TestDeadLetterOfUnreadableEvent(t *testing.T) {
	for name, key := range map[string][]byte{"key": []byte("\xff\x00"), "empty key": {}, "no key": nil} {
		t.Run(name, func(t *testing.T) {
			got := bury(t, &lead.DeadLetter{
				Message: lead.Message{Topic: "leads", Partition: 1, Offset: 0, Key: key, Value: []byte("\xff{")},
				Reason:  lead.BadUTF8,
				History: lead.History{Error: "the event is not valid UTF-8", Advertiser: "USA_1"},
			})
			want := lead.Message{
				Partition: 1, Key: key, Value: []byte("\xff{"),
				Headers: []lead.Header{
					header("leadhook.reason", "bad_utf8"),
					header("leadhook.error", "the event is not valid UTF-8"),
					header("leadhook.advertiser", "USA_1"),
					header("leadhook.attempts", "0"),
					header("leadhook.step", "0"),
					header("leadhook.replays", "0"),
					header("leadhook.source", "leads/1/0"),
				},
			}
			ignore := cmpopts.IgnoreFields(lead.Message{}, "Topic", "Offset", "Time")
			if diff := cmp.Diff(want, got, ignore, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("record, -want +got:\n%s", diff)
			}
		})
	}
}

func TestForeignHeadersStayAndOursAreReplaced(t *testing.T) {
	letter := aLetter()
	letter.Message.Headers = []lead.Header{
		header("leadhook.webhook", "of somebody else"),
		{Key: "binary", Value: []byte{0xff, 0x00}},
		header("twice", "1"), header("twice", "2"),
		header("leadhook.not-before", "2099-01-01T00:00:00.000Z"),
		header("leadhookish", "kept"),
		header("", "no name"),
	}
	record := bury(t, letter)
	var foreign []lead.Header
	for _, h := range record.Headers {
		if !strings.HasPrefix(h.Key, "leadhook.") {
			foreign = append(foreign, h)
		}
	}
	want := []lead.Header{
		{Key: "binary", Value: []byte{0xff, 0x00}},
		header("twice", "1"), header("twice", "2"), header("leadhookish", "kept"), header("", "no name"),
	}
	if diff := cmp.Diff(want, foreign); diff != "" {
		t.Errorf("foreign headers, -want +got:\n%s", diff)
	}
	if got := record.Header("leadhook.webhook"); got != "84+TEST_1" {
		t.Errorf("leadhook.webhook is %q, want the letter's", got)
	}
	if got := record.Header("leadhook.not-before"); got != "" {
		t.Errorf("leadhook.not-before is %q, want it dropped", got)
	}
}

func TestErrorHeader(t *testing.T) {
	cases := map[string]struct{ given, want string }{
		"control characters": {"a\x00b\r\nc\u0085d", "a b  c d"},
		"not UTF-8":          {"a\xff\xfeb", "a\ufffdb"},
		"cut at a rune":      {strings.Repeat("x", 1023) + "é", strings.Repeat("x", 1023)},
		"grows and is cut":   {strings.Repeat("\xffa", 512), strings.Repeat("\ufffda", 256)},
		"just fits":          {strings.Repeat("é", 512), strings.Repeat("é", 512)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			letter := aLetter()
			letter.Error = c.given
			record := bury(t, letter)
			if got := record.Header("leadhook.error"); got != c.want {
				t.Errorf("leadhook.error is %q, want %q", got, c.want)
			}
		})
	}
}

func TestTimesThatHaveNoText(t *testing.T) {
	letter := aLetter()
	letter.Received = time.UnixMicro(at("2026-11-23T16:12:09Z").UnixMilli() * 1e6) // the year 58867
	record := bury(t, letter)
	if got := record.Header("leadhook.received"); got != "" {
		t.Errorf("leadhook.received is %q, want none: RFC 3339 ends with the year 9999", got)
	}
}

// anyLetter draws a letter with every field at random, of the precision and
// cleanness that headers have.
func anyLetter(t *rapid.T) *lead.DeadLetter {
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
			Error:      word.Draw(t, "error"),
			Advertiser: word.Draw(t, "advertiser"),
			Webhook:    word.Draw(t, "webhook"),
			Delivery:   word.Draw(t, "delivery"),
			Evidence:   lead.Evidence(word.Draw(t, "evidence")),
			Attempts:   count.Draw(t, "attempts"), Step: count.Draw(t, "step"),
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

func TestAnyLetterIsReadBack(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	d := requeue.NewDeadLetters(publisher(t, r, zaptest.NewLogger(t)), topic)
	next := []func() lead.Message{r.Reader(t, topic, 0), r.Reader(t, topic, 1), r.Reader(t, topic, 2)}
	rapid.Check(t, func(rt *rapid.T) {
		letter := anyLetter(rt)
		if err := d.Bury(t.Context(), letter); err != nil {
			rt.Fatal(err)
		}
		record := next[letter.Message.Partition]()
		want := *letter
		if letter.Delivery != "" {
			want.Message.Key = []byte(letter.Advertiser)
		}
		if diff := cmp.Diff(want, requeue.ParseDeadLetter(&record), cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("letter read back, -want +got:\n%s", diff)
		}
		for _, h := range record.Headers {
			if strings.HasPrefix(h.Key, "leadhook.") && !isText(string(h.Value)) {
				rt.Fatalf("header %s is not readable: %q", h.Key, h.Value)
			}
		}
	})
}

func TestAnyErrorIsReadable(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	d := requeue.NewDeadLetters(publisher(t, r, zaptest.NewLogger(t)), topic)
	next := r.Reader(t, topic, 2)
	rapid.Check(t, func(rt *rapid.T) {
		letter := aLetter()
		letter.Error = string(rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "error"))
		if err := d.Bury(t.Context(), letter); err != nil {
			rt.Fatal(err)
		}
		record := next()
		if got := record.Header("leadhook.error"); !isText(got) || len(got) > 1<<10 {
			rt.Fatalf("leadhook.error has %d bytes and is %q, want at most 1024 of text", len(got), got)
		}
	})
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

func TestParseDeadLetterIsTolerant(t *testing.T) {
	got := requeue.ParseDeadLetter(&lead.Message{
		Topic: "leads.dlq", Partition: 4, Offset: 7, Key: []byte("k"), Value: []byte("v"),
		Headers: []lead.Header{
			header("leadhook.reason", "gone"),
			header("leadhook.attempts", "many"),
			header("leadhook.step", "-1"),
			header("leadhook.received", "yesterday"),
			header("leadhook.last-attempt", "2026-11-23T17:12:09+01:00"),
			header("leadhook.source", "leads/4"),
			header("leadhook.future", "kept out"),
		},
	})
	want := lead.DeadLetter{
		Reason:  lead.Gone,
		History: lead.History{LastAttempt: at("2026-11-23T16:12:09Z")},
		Message: lead.Message{Partition: 4, Offset: -1, Key: []byte("k"), Value: []byte("v")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("letter, -want +got:\n%s", diff)
	}
}

func FuzzParseDeadLetter(f *testing.F) {
	f.Add("leadhook.source", []byte("leads/1/2"))
	f.Add("leadhook.received", []byte("2026-11-23T16:12:09.500Z"))
	f.Add("leadhook.attempts", []byte("99999999999999999999"))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		got := requeue.ParseDeadLetter(&lead.Message{Headers: []lead.Header{{Key: key, Value: value}}})
		if got.Attempts < 0 || got.Step < 0 || got.Message.Partition < 0 || got.Message.Offset < -1 {
			t.Errorf("impossible numbers in %+v", got)
		}
	})
}
