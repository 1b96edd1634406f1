package formats_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// FuzzADF: whatever the event and the names, the ADF is well-formed XML in the
// order of ADF 1.0, and the same each time.
func FuzzADF(f *testing.F) {
	for _, event := range seeds(f) {
		f.Add(event, "", "leadhook")
		f.Add(event, "Söhne & Co.\r\n", "\ufffe\"<>\x01")
	}
	f.Fuzz(func(t *testing.T, event []byte, vendor, source string) {
		ev, err := lead.Decode(event)
		if err != nil {
			return // no event
		}
		hook := &lead.Webhook{Format: lead.ADF, VendorName: vendor, ProviderName: source}
		body := formats.Render(ev, hook, provider).Bytes()
		if _, err := parseADF(body); err != nil {
			t.Errorf("%v\n%s", err, body)
		}
		if again := formats.Render(ev, hook, provider).Bytes(); !bytes.Equal(again, body) {
			t.Errorf("rendered twice, got\n%s\nand\n%s", body, again)
		}
	})
}

// FuzzJSON: the lead arrives byte for byte, in a body that is JSON.
func FuzzJSON(f *testing.F) {
	for _, event := range seeds(f) {
		f.Add(event)
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		ev, err := lead.Decode(event)
		if err != nil {
			return // no event
		}
		body := formats.Render(ev, &lead.Webhook{Format: lead.JSON}, provider).Bytes()
		var got map[string]json.RawMessage
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("got %q: %v", body, err)
		}
		if len(got) != 1 || !bytes.Equal(got["lead"], ev.Lead) || !bytes.Contains(event, got["lead"]) {
			t.Errorf("got %q, want the lead as published and nothing else: %q", body, ev.Lead)
		}
	})
}

func seeds(f *testing.F) [][]byte {
	f.Helper()
	untidy := []byte(`{"advertiser_id":"A_1","trigger":"new_contact","advertiser":{"time_zone":"Asia/Tokyo"},` +
		`"lead":{"id":1,"event_type":"chat","occured_at":"2026-11-23 16:12:09",` +
		`"contact":{"phone_home":"1 x 2","country":"usa","address2":"\u0001"},"call":{"duration":"1:2"},` +
		`"chat":{"transcript":[{"from":1,"message":"]]>"},[[]]]},"form":{"extra_fields":{"":{},"Year":[1,{}]}}}}`)
	odd := []byte(`{"advertiser_id":"A_1","trigger":"new_contact","published_at":1758000000,` +
		`"lead":{"id":1,"event_type":"form","occured_at":"2025-09-16 01:20 AM -04:00","notes":"<p>a<br>&amp;<a href='http://b'>c</a>",` +
		`"call":{"caller_number":"+266696687"},"form":{"subject":"Trade-In","extra_fields":{"field_data":` +
		`[{"name":"phone_number","values":["1"]}],"trade_year":2023.0,"condition":"Used","vehicle":{"make":"K"}}}}}`)
	all := [][]byte{untidy, odd}
	for _, ev := range goldenEvents(f) {
		all = append(all, ev)
	}
	return all
}

func BenchmarkJSON(b *testing.B) {
	benchmark(b, &lead.Webhook{Format: lead.JSON})
}

func BenchmarkADF(b *testing.B) {
	benchmark(b, &lead.Webhook{Format: lead.ADF})
}

func benchmark(b *testing.B, hook *lead.Webhook) {
	ev, err := lead.Decode(goldenEvents(b)["form-full"])
	if err != nil {
		b.Fatal(err)
	}
	ev.Received = time.Unix(1795449129, 0)
	b.SetBytes(int64(len(ev.Lead)))
	b.ReportAllocs()
	for b.Loop() {
		formats.Render(ev, hook, provider)
	}
}

func TestJSONCopiesNothing(t *testing.T) {
	ev, hook := decode(t, inLead(`"event_type":"call"`)), &lead.Webhook{Format: lead.JSON}
	var body formats.Body
	if got := testing.AllocsPerRun(100, func() { body = formats.Render(ev, hook, provider) }); got != 0 {
		t.Errorf("got %v allocations for %d bytes, want none", got, len(body.Bytes()))
	}
}

// A zone is read from its file once, not for each lead.
func TestTimeWithoutZoneCostsLittle(t *testing.T) {
	const renders, more = 100, 4 << 10 // bytes more than for a time with a zone
	cost := func(at string) uint64 {
		ev := decode(t, `{"advertiser_id":"A_1","trigger":"new_contact","advertiser":{"time_zone":"America/Chicago"},`+
			`"lead":{"id":1,"event_type":"call","occured_at":"`+at+`"}}`)
		render(t, ev, &lead.Webhook{Format: lead.ADF})
		return allocated(func() {
			for range renders {
				formats.Render(ev, &lead.Webhook{Format: lead.ADF}, provider)
			}
		}) / renders
	}
	with, without := cost("2026-11-23T16:12:09-06:00"), cost("2026-11-23 16:12:09")
	if without > with+more {
		t.Errorf("got %d bytes for a time without a zone and %d for one with it, want at most %d more", without, with, more)
	}
}
