package receipt_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/receipt"
)

func TestWhatIsAppendedIsParsed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := anyReceipt(rt)
		b := want.Append([]byte("before"))[len("before"):]
		got, err := receipt.Parse(b)
		if err != nil {
			rt.Fatalf("%v: %s", err, b)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("parsed, -want +got:\n%s\n%s", diff, b)
		}
		if again := got.Append(nil); string(again) != string(b) {
			rt.Fatalf("appended again it is\n%s, want\n%s", again, b)
		}
	})
}

func TestAnOrdinaryReceipt(t *testing.T) {
	t.Parallel()
	want := `{"version":1,"type":"record","place":"leads/3/1842","at":"2026-12-01T16:12:09.714Z","instance":"leadhook-0",` +
		`"advertiser":"USA_332240","lead":"480015503","kind":"call","trigger":"new_contact","published":"2026-12-01T16:12:09.500Z",` +
		`"emails":["2026a:Zm9vYmFyYmF6cXV4cXV1eA"],"phones":["2026a:YmFyYmF6cXV4cXV1eGZvbw"],"outcome":"wanted","wanted":1,` +
		`"deliveries":[{"id":"dlv_00112233445566778899aabbccddeeff","webhook":"84+TEST_1","host":"crm.example.com",` +
		`"outcome":"delivered","made":1,"attempts":[{"number":1,"at":"2026-12-01T16:12:09.530Z","ms":184,"family":"ipv4",` +
		`"status":201,"outcome":"delivered"}]}]}`
	if got := string(ordinary().Append(nil)); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestAppendWritesJSONWhateverThereIs(t *testing.T) {
	t.Parallel()
	r := ordinary()
	r.Advertiser = "\x00\x1f\"\\\u2028é\xff\xed\xa0\x80</script>"
	r.Published = time.Date(58867, 1, 1, 0, 0, 0, 0, time.UTC)
	r.At = time.Date(2026, 12, 1, 17, 12, 9, 714_999_999, time.FixedZone("", 3600))
	var got map[string]any
	if err := json.Unmarshal(r.Append(nil), &got); err != nil {
		t.Fatal(err)
	}
	if want := "\x00\x1f\"\\\u2028é\ufffd\ufffd\ufffd\ufffd</script>"; got["advertiser"] != want {
		t.Errorf("advertiser %q, want %q", got["advertiser"], want)
	}
	if got["published"] != nil {
		t.Errorf("published %v, want none: RFC 3339 ends with the year 9999", got["published"])
	}
	if got["at"] != "2026-12-01T16:12:09.714Z" {
		t.Errorf("at %v, want it in UTC and rounded down", got["at"])
	}
}

func TestWhatParseRefuses(t *testing.T) {
	t.Parallel()
	const head = `{"version":1,"type":"record","place":"leads/3/1842","at":"2026-12-01T16:12:09.714Z",`
	const delivery = `{"id":"dlv_1","webhook":"w","outcome":"delivered"`
	for want, text := range map[string]string{
		"not JSON from byte 5 on":                `{"ver`,
		"field version has a value of another":   `{"version":"1"}`,
		"no version":                             `{}`,
		"no type":                                `{"version":1}`,
		"when it was written":                    `{"version":1,"type":"record"}`,
		"type is not known":                      `{"version":1,"type":"x","at":"2026-12-01T16:12:09.714Z"}`,
		"not as documented":                      `{"version":1,"type":"record","place":"+13095550188"}`,
		"which record it is about":               `{"version":1,"type":"record","at":"2026-12-01T16:12:09.714Z"}`,
		"neither an outcome nor one delivery":    head + `"wanted":1}`,
		"outcome is not known":                   head + `"outcome":"lost"}`,
		"fewer webhooks wanted":                  head + `"outcome":"wanted","deliveries":[` + delivery + `}]}`,
		"delivery 1 has no id":                   head + `"deliveries":[{}]}`,
		"delivery 1 has no outcome":              head + `"deliveries":[{"id":"dlv_1","webhook":"w","outcome":"lost"}]}`,
		"delivery 1 has a count below zero":      head + `"deliveries":[` + delivery + `,"step":-1}]}`,
		"attempt 1 of delivery 1 has no number":  head + `"deliveries":[` + delivery + `,"attempts":[{}]}]}`,
		"attempt 1 of delivery 1 has no outcome": head + `"deliveries":[` + delivery + `,"attempts":[{"number":1,"at":"2026-12-01T16:12:09Z"}]}]}`,
		"a late attempt has":                     strings.Replace(head, "record", "late_attempt", 1) + `"outcome":"wanted"}`,
		"how many records":                       strings.Replace(head, "record", "gap", 1) + `"partition":1}`,
		"offsets that are none":                  strings.Replace(head, "record", "no_webhooks", 1) + `"offsets":[{"topic":"leads","first":1,"last":3,"count":2}],"count":2}`,
		"not as many as it says":                 strings.Replace(head, "record", "gap", 1) + `"offsets":[{"topic":"leads","first":1,"last":3,"count":2}],"count":1}`,
	} {
		r, err := receipt.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "309555") {
			t.Errorf("%s: got %+v, %v; want an error with %q", text, r, err, want)
		}
	}
}

func TestParseIsTolerantOfWhatIsNew(t *testing.T) {
	t.Parallel()
	added := strings.Replace(string(ordinary().Append(nil)), `{`, `{"color":{"a":[1]},`, 1)
	if r, err := receipt.Parse([]byte(added)); err != nil || r.IsNewer() || r.Lead != "480015503" {
		t.Errorf("with an unknown field: got %+v, %v", r, err)
	}
	for _, text := range []string{
		strings.Replace(added, `"version":1`, `"version":2`, 1),
		`{"version":2,"type":"summary","at":"2026-12-01T16:12:09.714Z"}`,
		`{"version":3,"type":"record","place":"leads/3/1842","at":"2026-12-01T16:12:09.714Z","outcome":"sold"}`,
		`{"version":3,"type":"record","place":"leads/3/1842","at":"2026-12-01T16:12:09.714Z","deliveries":[{"id":"dlv_1","webhook":"w","outcome":"sold"}]}`,
	} {
		if r, err := receipt.Parse([]byte(text)); err != nil || !r.IsNewer() {
			t.Errorf("%s: got %+v, %v; want a receipt that is newer", text, r, err)
		}
	}
}

func TestDeclinedWebhooksAreBounded(t *testing.T) {
	t.Parallel()
	r := &receipt.Receipt{}
	for range 100 {
		r.Declines(lead.DeclinesTrigger, "a")
	}
	r.Declines(lead.DeclinesInactive, "b")
	if got := r.Declined; len(got) != 2 || got[0].Count != 100 || len(got[0].Webhooks) != receipt.MaxDeclined || got[1].Count != 1 {
		t.Errorf("got %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(ordinary().Append(nil))
	f.Add([]byte(`{"version":1,"type":"gap","at":"2026-12-01T16:12:09.714Z","offsets":[{"topic":"leads","first":1,"last":3,"count":2}],"count":2}`))
	f.Add([]byte(`{"version":9,"type":"late_attempt","place":"a/1/2","deliveries":[{"attempts":[{"number":1}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := receipt.Parse(b)
		if err != nil || r.IsNewer() {
			return
		}
		again, err := receipt.Parse(r.Append(nil))
		if err != nil {
			t.Fatalf("%q is accepted, and appended again is not: %v", b, err)
		}
		if string(again.Append(nil)) != string(r.Append(nil)) {
			t.Errorf("%q changes each time it is appended", b)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	r := ordinary()
	buf := r.Append(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportMetric(float64(len(buf)), "bytes/receipt")
	b.ReportAllocs()
	for b.Loop() {
		buf = r.Append(buf[:0])
	}
}

func BenchmarkParse(b *testing.B) {
	text := ordinary().Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := receipt.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
