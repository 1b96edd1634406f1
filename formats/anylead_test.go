package formats_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// A fuzzer changes bytes and rarely hits on JSON; here every member of the lead
// object gets a value of any type.

var members = map[string][]string{
	"lead": {
		"contact", "call", "chat", "form", "contact_id", "campaign_name", "occured_at", "created_at",
		"display_name", "notes", "tags",
	},
	"contact": {
		"id", "first_name", "last_name", "title", "email", "company", "phone_home", "phone_work", "phone_mobile", "phone_fax",
		"address1", "address2", "city", "state", "postal", "country", "notes", "tags",
	},
	"call": {"duration", "recording_url", "caller_number", "dialed_number", "target_number"},
	"chat": {"summary", "transcript"},
	"form": {"sub_type", "subject", "message", "full_message", "extra_fields"},
	"extra_fields": {
		"year", "Vehicle Make", "MODEL", "vin", "stock_number", "trim", "condition", "trade_year", "Trade-In Make", "tradeInVIN",
		"email", "name", "First Name", "phone", "Mobile", "fax", "form_name", "field_data", "vehicle", "", "a\r\nb",
	},
	"vehicle":    {"year", "make", "condition"},
	"advertiser": {"name", "url", "phone", "email", "time_zone"},
}

var nasty = rapid.OneOf(
	rapid.String(),
	rapid.StringOf(rapid.RuneFrom([]rune("a1 \r\n\t\x00\x0b\x7f\u0085\u2028\ufffe\uffff\ufeff<>&\"']😀x#:.-"))),
	of("<p>", "</p>", "<br/>", "<a href='http://a'>", "<style>", "</style>", "<!--", "-->", "&amp;", "&#1;", "&#x1f600;", "x", " ", "\n", "<", ">"),
	of("2025-09-16", "9/16/2025", "16 Sep 2025", " ", "T", "1:20", "01:20:00", "AM", "p.m.", "EST", "-04:00", "+5", "(x)", "1758000000", "0"),
	rapid.SampledFrom([]string{"2026-11-23 16:12:09", "2026-11-23T16:12:09-06:00", "3:47", "309-555-0100 x9", "3095550100", "+266696687",
		"Restricted", "usa", "Asia/Tokyo", "Used", "2023.0", "Value Your Trade"}),
)

// of draws a text of some of the pieces.
func of(pieces ...string) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOf(rapid.SampledFrom(pieces)), func(some []string) string { return strings.Join(some, "") })
}

var plain = rapid.SampledFrom([]string{"null", "true", "false", "0", "-1", "227", "1.5e+400", "12345678901234567890"})

// value draws the JSON of any value; one that belongs under a name with members
// is mostly an object with some of these.
func value(t *rapid.T, name string, depth int) string {
	kind := rapid.IntRange(0, 6).Draw(t, "kind of "+name)
	switch known := members[name]; {
	case known != nil && kind > 1:
		return objectOf(t, known, depth)
	case kind == 0 && depth < 4:
		return objectOf(t, []string{"id", "from", "message", "a"}, depth+1)
	case name == "field_data" && kind == 1:
		return `[{"name":` + asJSON(rapid.SampledFrom(members["extra_fields"]).Draw(t, "name")) + `,"values":[` + value(t, "element", depth+1) + `]}]`
	case kind == 1 && depth < 4:
		n := rapid.IntRange(0, 3).Draw(t, "length")
		list := make([]string, n)
		for i := range list {
			list[i] = value(t, "element", depth+1)
		}
		return "[" + strings.Join(list, " , ") + "]"
	case kind == 2:
		return plain.Draw(t, "plain")
	}
	return asJSON(nasty.Draw(t, "text"))
}

// objectOf draws an object that has some of the members, and maybe one twice,
// after those that it begins with.
func objectOf(t *rapid.T, names []string, depth int, list ...string) string {
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 0, len(names)).Draw(t, "members") {
		list = append(list, asJSON(name)+":"+value(t, name, depth))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func asJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestADFOfAnyLead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"call", "chat", "form", "sms"}).Draw(t, "kind")
		body := objectOf(t, members["lead"], 0, `"id":1`, `"event_type":`+asJSON(kind))
		event := fmt.Sprintf(`{"advertiser_id":"A_1","trigger":"new_contact","advertiser":%s,"lead":%s}`,
			value(t, "advertiser", 0), body)
		ev, err := lead.Decode([]byte(event))
		if err != nil {
			t.Fatalf("%v: %s", err, event)
		}
		rendered := formats.Render(ev, &lead.Webhook{Format: lead.ADF, VendorName: nasty.Draw(t, "vendor")}, provider)
		if _, err := parseADF(rendered.Bytes()); err != nil {
			t.Fatalf("%v\nof %s\nin %s", err, event, rendered.Bytes())
		}
	})
}

func TestADFOfHugeAndDeepLeads(t *testing.T) {
	deep := strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000)
	long := strings.Repeat("1 x", 300_000)
	many := strings.Repeat(`{"from":"a","message":"b"},`, 30_000) + "0"
	adfOf(t, inLead(`"event_type":"form","contact":{"phone_home":"`+long+`","country":"`+long+`","first_name":`+deep+`},`+
		`"occured_at":"`+long+`","chat":{"transcript":[`+many+`]},"form":{"extra_fields":{"a":`+deep+`,"year":`+deep+`}}`))
}

// However many parts a lead has, rendering it takes a few times its size at
// most, and the body no more room than it needs: what is open is budgeted by
// the size of the events.
func TestADFOfManyPartsTakesLittleMemory(t *testing.T) {
	const size = 1 << 20
	many := func(part string) string { return strings.Repeat(part+",", size/(len(part)+1)) + part }
	for name, members := range map[string]string{
		"tags":             `"tags":[` + many(`0`) + `]`,
		"nested tags":      `"tags":[` + many(`{}`) + `]`,
		"unknown members":  many(`"":0`),
		"extra fields":     `"form":{"extra_fields":{` + many(`"":0`) + `}}`,
		"the same field":   `"form":{"extra_fields":{` + many(`"year":""`) + `}}`,
		"transcript":       `"chat":{"transcript":[` + many(`{"message":"a"}`) + `]}`,
		"odd transcript":   `"chat":{"transcript":[` + many(`0`) + `]}`,
		"parts of a time":  `"call":{"duration":"` + many(`1:`) + `"}`,
		"digits":           `"contact":{"phone_home":"` + strings.Repeat("1", size) + `"}`,
		"pairs":            `"form":{"extra_fields":[` + many(`{"name":"a","value":0}`) + `]}`,
		"almost pairs":     `"form":{"extra_fields":{"a":[` + many(`{"name":"a","value":0}`) + `,0]}}`,
		"known fields":     `"form":{"extra_fields":{` + many(`"customer_email":"a"`) + `}}`,
		"objects within":   `"form":{"extra_fields":{` + many(`"trade":{"year":1}`) + `}}`,
		"fields of HTML":   `"form":{"extra_fields":{` + many(`"":"<br>"`) + `}}`,
		"HTML":             `"form":{"message":"` + many(`<p>`) + `"}`,
		"escapes":          `"form":{"message":"` + many(`&lt;`) + `"}`,
		"one long message": `"form":{"message":"` + strings.Repeat("a b ", size/4) + `"}`,
	} {
		ev := decode(t, inLead(`"event_type":"form",`+members))
		var body formats.Body
		taken := allocated(func() { body = formats.Render(ev, &lead.Webhook{Format: lead.ADF}, provider) })
		if taken > 8*size {
			t.Errorf("%s: a lead of %d bytes took %d bytes of memory, want at most %d", name, len(ev.Lead), taken, 8*size)
		}
		if spare := cap(body.Parts[0]) - len(body.Parts[0]); spare > size/4 {
			t.Errorf("%s: a body of %d bytes holds %d more, want no more than it needs", name, len(body.Parts[0]), spare)
		}
	}
}

// allocated is how many bytes f allocates, freed ones included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
