package producer_test

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
	"github.com/leadhook/leadhook/lead/record"
	"github.com/leadhook/leadhook/producer"
)

// bury buries the letter in an empty topic and returns the record.
func bury(t *testing.T, letter *lead.DeadLetter) lead.Message {
	t.Helper()
	r := newRig(t)
	topic := r.Topic(t, 3)
	d := producer.NewDeadLetters(publisher(t, r, zaptest.NewLogger(t)), topic)
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
			header("leadhook.answer", `{"error":"try later"}`),
			header("leadhook.location", "https://crm.example.com/busy"),
			header("leadhook.record", "5725767000000524157"),
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

func TestAnyLetterIsReadBack(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	d := producer.NewDeadLetters(publisher(t, r, zaptest.NewLogger(t)), topic)
	next := []func() lead.Message{r.Reader(t, topic, 0), r.Reader(t, topic, 1), r.Reader(t, topic, 2)}
	rapid.Check(t, func(rt *rapid.T) {
		letter := anyLetter(rt)
		if err := d.Bury(t.Context(), letter); err != nil {
			rt.Fatal(err)
		}
		got := next[letter.Message.Partition]()
		want := *letter
		if letter.Delivery != "" {
			want.Message.Key = []byte(letter.Advertiser)
		}
		if diff := cmp.Diff(want, record.ReadDeadLetter(&got), cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("letter read back, -want +got:\n%s", diff)
		}
		for _, h := range got.Headers {
			if strings.HasPrefix(h.Key, "leadhook.") && !isText(string(h.Value)) {
				rt.Fatalf("header %s is not readable: %q", h.Key, h.Value)
			}
		}
	})
}

func TestAnyErrorIsReadable(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	d := producer.NewDeadLetters(publisher(t, r, zaptest.NewLogger(t)), topic)
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
