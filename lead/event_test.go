package lead_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/examples"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/jsonscan"
)

const minimal = `{"advertiser_id":"USA_332240","trigger":"new_contact","lead":{"id":7,"event_type":"call"}}`

func TestDecodeRefuses(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, tc := range []struct {
		name, event string
		reason      lead.Reason
		text        string // a part of it
		advertiser  string
	}{
		{"nothing", ``, lead.NotJSON, "is empty", ""},
		{"blanks only", " \r\n\t", lead.NotJSON, "is empty", ""},
		{"byte order mark only", "\ufeff", lead.NotJSON, "is empty", ""},
		{"text", `hello`, lead.NotJSON, "wrong at byte 1 of 5", ""},
		{"cut off", minimal[:40], lead.NotJSON, "wrong at byte 40 of 40", ""},
		{"counts from the first byte", "  \n{]", lead.NotJSON, "wrong at byte 5 of 5", ""},
		{"two documents", minimal + minimal, lead.NotJSON, "wrong at byte", ""},
		{"no JSON blanks around", "\u00a0" + minimal, lead.NotJSON, "wrong at byte 1", ""},
		{"NaN", `{"advertiser_id":NaN}`, lead.NotJSON, "wrong at byte 18", ""},
		{"too deep for anybody", with(`,"x":` + nested(10001)), lead.NotJSON, "wrong at byte", ""},
		{"array", `[` + minimal + `]`, lead.NotJSON, "not a JSON object", ""},
		{"string", `"lead"`, lead.NotJSON, "not a JSON object", ""},
		{"null", `null`, lead.NotJSON, "not a JSON object", ""},
		{"Latin-1", with(`,"x":"Bergstr` + "\xf6" + `m"`), lead.BadUTF8, "not valid UTF-8", ""},
		{"UTF-8 of a surrogate", with(`,"x":"` + "\xed\xa0\x80" + `"`), lead.BadUTF8, "not valid UTF-8", ""},

		{"empty object", `{}`, lead.NoAdvertiser, "advertiser_id is missing", ""},
		{"advertiser null", of(`null`, `"new_contact"`, `{}`), lead.NoAdvertiser, "missing", ""},
		{"advertiser a number", of(`332240`, `"new_contact"`, `{}`), lead.NoAdvertiser, "not a string", ""},
		{"advertiser blank", of(`" \t "`, `"new_contact"`, `{}`), lead.NoAdvertiser, "empty", ""},
		{"advertiser too long", of(quote(strings.Repeat("ü", 65)), `"new_contact"`, `{}`),
			lead.NoAdvertiser, "65 characters, at most 64", ""},
		{"advertiser with NUL", of(`"USA\u0000_1"`, `"new_contact"`, `{}`), lead.NoAdvertiser, "control characters", ""},

		{"no trigger", `{"advertiser_id":"A_1","lead":{}}`, lead.BadTrigger, "missing", "A_1"},
		{"trigger a list", of(`"A_1"`, `["new_contact"]`, `{}`), lead.BadTrigger, "not a string", "A_1"},
		{"unknown trigger", of(`"A_1"`, `"new_sms"`, `{}`), lead.BadTrigger, "not known; known are new_contact", "A_1"},
		{"trigger in capitals", of(`"A_1"`, `"NEW_CONTACT"`, `{}`), lead.BadTrigger, "not known", "A_1"},

		{"no lead", `{"advertiser_id":"A_1","trigger":"new_lead"}`, lead.BadLeadID, "lead is missing", "A_1"},
		{"lead null", of(`"A_1"`, `"new_lead"`, `null`), lead.BadLeadID, "not an object", "A_1"},
		{"lead a string", of(`"A_1"`, `"new_lead"`, `"{\"id\":1}"`), lead.BadLeadID, "not an object", "A_1"},
		{"lead without id", of(`"A_1"`, `"new_lead"`, `{"event_type":"call"}`), lead.BadLeadID, "lead.id is not", "A_1"},

		{"no event type", of(`"A_1"`, `"new_lead"`, `{"id":1}`), lead.NoEventType, "missing", "A_1"},
		{"event type null", of(`"A_1"`, `"new_lead"`, `{"id":1,"event_type":null}`), lead.NoEventType, "missing", "A_1"},
		{"event type blank", of(`"A_1"`, `"new_lead"`, `{"id":1,"event_type":" "}`), lead.NoEventType, "empty", "A_1"},
		{"event type a number", of(`"A_1"`, `"new_lead"`, `{"id":1,"event_type":2}`), lead.NoEventType, "not a string", "A_1"},

		{"advertiser twice", with(`,"advertiser_id":"B_2"`), lead.AmbiguousField, "advertiser_id is given twice", ""},
		{"advertiser twice the same", with(`,"advertiser_id":"USA_332240"`), lead.AmbiguousField, "advertiser_id", ""},
		{"advertiser in another case", with(`,"Advertiser_ID":"B_2"`), lead.AmbiguousField, "in another case", ""},
		{"advertiser in another case only", `{"ADVERTISER_ID":"B_2"}`, lead.AmbiguousField, "advertiser_id", ""},
		{"case fold beyond ASCII", with(`,"advertiſer_id":"B_2"`), lead.AmbiguousField, "advertiser_id", ""},
		{"escaped key", with(`,"advertiser\u005fid":"B_2"`), lead.AmbiguousField, "advertiser_id", ""},
		{"escaped key in another case", with(`,"\u0041dvertiser_id":"B_2"`), lead.AmbiguousField, "advertiser_id", ""},
		{"trigger twice", with(`,"trigger":"new_lead"`), lead.AmbiguousField, "trigger", ""},
		{"lead twice", with(`,"lead":{"id":8,"event_type":"call"}`), lead.AmbiguousField, "lead is", ""},
		{"lead in another case", with(`,"LEAD":null`), lead.AmbiguousField, "lead is", ""},
		{"id twice", inLead(`"id":1,"event_type":"call","id":2`), lead.AmbiguousField, "lead.id", "A_1"},
		{"id in another case", inLead(`"id":1,"event_type":"call","ID":2`), lead.AmbiguousField, "lead.id", "A_1"},
		{"event type twice", inLead(`"id":1,"event_type":"call","event_type":"chat"`), lead.AmbiguousField,
			"lead.event_type", "A_1"},
		{"event type in another case", inLead(`"id":1,"event_type":"call","Event_Type":"chat"`), lead.AmbiguousField,
			"lead.event_type", "A_1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev, err := lead.Decode([]byte(tc.event))
			got, ok := errors.AsType[*lead.Refusal](err)
			if !ok {
				t.Fatalf("got event %+v and error %v, want a refusal", ev, err)
			}
			if got.Reason != tc.reason || !strings.Contains(got.Text, tc.text) || got.Advertiser != tc.advertiser {
				t.Errorf("got  %s %q of advertiser %q\nwant %s %q of advertiser %q",
					got.Reason, got.Text, got.Advertiser, tc.reason, tc.text, tc.advertiser)
			}
		})
	}
}

// TestRefusalsNameTheEnvelope: the reason is that of any value that cannot be read, and the
// words say what a producer did.
func TestRefusalsNameTheEnvelope(t *testing.T) {
	const (
		tombstone = "a tombstone"
		sixteen   = "is UTF-16"
		magic     = "Confluent's magic byte"
		twice     = "JSON inside a JSON string"
		cloud     = "a CloudEvent"
	)
	umlaut := strings.Replace(minimal, "USA_332240", "Jürgen_1", 1)
	for _, tc := range []struct {
		name   string
		value  []byte
		reason lead.Reason
		text   string // a part of it
	}{
		{"tombstone", nil, lead.NotJSON, tombstone},
		{"UTF-16 with its mark", utf16Of(binary.LittleEndian, "\ufeff"+minimal), lead.BadUTF8, sixteen},
		{"UTF-16 the other way", utf16Of(binary.BigEndian, "\ufeff"+minimal), lead.BadUTF8, sixteen},
		{"UTF-16 without its mark", utf16Of(binary.LittleEndian, minimal), lead.NotJSON, sixteen},
		{"UTF-16 the other way without its mark", utf16Of(binary.BigEndian, minimal), lead.NotJSON, sixteen},
		{"UTF-16 with an umlaut", utf16Of(binary.LittleEndian, umlaut), lead.BadUTF8, sixteen},
		{"only the mark of UTF-16", []byte("\xff\xfe"), lead.BadUTF8, sixteen},
		{"magic byte and JSON", []byte("\x00\x00\x00\x00\x11" + minimal), lead.NotJSON, magic + " and the number of a schema (17)"},
		{"magic byte and Avro", []byte("\x00\x00\x01\x86\xa1\x14USA_332240\xfe\x01"), lead.BadUTF8, magic},
		{"encoded twice", []byte(quote(minimal)), lead.NotJSON, twice},
		{"encoded twice, with blanks and a mark", []byte("\ufeff " + quote("\n"+minimal) + "\n"), lead.NotJSON, twice},
		{"encoded three times", []byte(quote(quote(minimal))), lead.NotJSON, twice},
		{"a list of events encoded twice", []byte(quote("[" + minimal + "]")), lead.NotJSON, twice},
		{"the lead alone encoded twice", []byte(of(`"A_1"`, `"new_lead"`, quote(`{"id":1,"event_type":"call"}`))), lead.BadLeadID, twice},
		{"CloudEvent", []byte(`{"specversion":"1.0","type":"lead.created","source":"/crm","id":"1","data":` + minimal + `}`),
			lead.NoAdvertiser, cloud},
		{"CloudEvent with its data in base64", []byte("\ufeff " + `{"specversion":"1.0","type":"t","source":"/","id":"1","data_base64":"e30="}`),
			lead.NoAdvertiser, cloud},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := lead.Decode(tc.value)
			got, ok := errors.AsType[*lead.Refusal](err)
			if !ok || got.Reason != tc.reason || !strings.Contains(got.Text, tc.text) {
				t.Errorf("got %+v, want the reason %s and %q in its text", err, tc.reason, tc.text)
			}
		})
	}
}

// What only looks like an envelope keeps the text that says where it is wrong.
func TestRefusalsNameNoOtherEnvelope(t *testing.T) {
	for value, text := range map[string]string{
		"":                          "is empty",
		"\x00":                      "wrong at byte 1 of 1",
		"\x00\x00\x00\x00":          "wrong at byte 1",
		"{\x00}":                    "wrong at byte 2",
		`"lead"`:                    "not a JSON object",
		`"{no JSON"`:                "not a JSON object",
		`"{\"a\":1}`:                "wrong at byte",
		`{"specversion":1}`:         "advertiser_id is missing",
		with(`,"specversion":"1"]`): "wrong at byte",
		`{"specversion":"1.0","advertiser_id":"","trigger":"new_lead"}`: "advertiser_id is missing",
		`{"specversion":"1.0","lead":{"id":1,"event_type":"call"}}`:     "advertiser_id is missing",
		of(`"A_1"`, `"new_lead"`, `"{hush"`):                            "lead is missing or not an object",
	} {
		_, err := lead.Decode([]byte(value))
		if got, ok := errors.AsType[*lead.Refusal](err); !ok || !strings.Contains(got.Text, text) {
			t.Errorf("%q: got %v, want a text with %q", value, err, text)
		}
	}
	if _, err := lead.Decode([]byte(with(`,"specversion":"1.0","data":{}`))); err != nil {
		t.Errorf("an event with a member of that name: got %v, want it taken", err)
	}
}

func utf16Of(order binary.AppendByteOrder, s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, unit)
	}
	return b
}

func TestDecodeRefusesLeadIDs(t *testing.T) {
	for _, id := range []string{`0`, `-1`, `1.0`, `1.5`, `1e3`, `"0017"`, `""`, `" "`, `"12a"`, `"+1"`, `"0x1f"`, `"٣"`, `null`,
		`true`, `[1]`, `{"id":1}`, `123456789012345678901`, `"123456789012345678901"`} {
		_, err := lead.Decode([]byte(inLead(`"event_type":"call","id":` + id)))
		if got, ok := errors.AsType[*lead.Refusal](err); !ok || got.Reason != lead.BadLeadID {
			t.Errorf("lead.id %s: got %v, want it refused as %s", id, err, lead.BadLeadID)
		}
	}
}

func TestDecodeKeepsLeadIDs(t *testing.T) {
	for raw, want := range map[string]string{
		`1`:                      "1",
		`9007199254740993`:       "9007199254740993", // 2^53 + 1: no float64 has it
		`99999999999999999999`:   "99999999999999999999",
		`"99999999999999999999"`: "99999999999999999999",
		`" 480015501 "`:          "480015501",
		`"\u0034\u0032"`:         "42",
	} {
		ev, err := lead.Decode([]byte(inLead(`"event_type":"call","id":` + raw)))
		if err != nil || ev.LeadID != want {
			t.Errorf("lead.id %s: got %+v, %v, want %s", raw, ev, err, want)
		}
	}
}

func TestDecodeTolerates(t *testing.T) {
	base := lead.Event{
		AdvertiserID: "USA_332240", Trigger: lead.NewContact, LeadID: "7", Kind: lead.KindCall,
		Lead: json.RawMessage(`{"id":7,"event_type":"call"}`),
	}
	for _, tc := range []struct {
		name, event string
		change      func(*lead.Event)
	}{
		{"the minimum", minimal, nil},
		{"byte order mark", "\ufeff" + minimal, nil},
		{"blanks around", "\r\n\t " + minimal + " \n", nil},
		{"unknown fields", with(`,"x":{"trigger":1,"lead":[]},"y":[{"id":2}],"":null`), nil},
		{"other schema version", with(`,"schema_version":"twelve"`), nil},
		{"nested as deep as JSON readers go", with(`,"x":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999)), nil},
		{"trailing blanks", strings.Replace(minimal, `USA_332240`, ` USA_332240\u00a0`, 1), nil},
		{"escaped values", strings.Replace(minimal, `new_contact`, `\u006eew\u005fcontact`, 1), nil},
		{"escaped key", strings.Replace(minimal, `trigger`, `tr\u0069gger`, 1), nil},
		{"the registration API's spelling", strings.Replace(minimal, `new_contact`, `new_lead`, 1),
			func(ev *lead.Event) { ev.Trigger = lead.ExistingContact }},
		{"advertiser object", with(`,"advertiser": {"name":"X","name":"Y"}`),
			func(ev *lead.Event) { ev.Advertiser = json.RawMessage(`{"name":"X","name":"Y"}`) }},
		{"advertiser object of another type", with(`,"advertiser":12`),
			func(ev *lead.Event) { ev.Advertiser = json.RawMessage(`12`) }},
		{"published_at", with(`,"published_at":" 2026-11-23 16:12 "`),
			func(ev *lead.Event) { ev.PublishedAt = "2026-11-23 16:12" }},
		{"published_at as a number", with(`,"published_at":1795449129`),
			func(ev *lead.Event) { ev.PublishedAt = "1795449129" }},
		{"published_at of another type", with(`,"published_at":{"at":1795449129}`), nil},
		{"test", with(`,"test":true`), func(ev *lead.Event) { ev.Test = true }},
		{"test as text", with(`,"test":"true"`), func(ev *lead.Event) { ev.Test = true }},
		{"no test", with(`,"test":"yes","Test":true`), nil},
		{"test twice: the first counts", with(`,"test":false,"test":true`), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := base
			if tc.change != nil {
				tc.change(&want)
			}
			got, err := lead.Decode([]byte(tc.event))
			if err != nil {
				t.Fatalf("got %v, want the event taken", err)
			}
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestDecodeKind(t *testing.T) {
	for in, want := range map[string]lead.Kind{
		`"event_type":"call"`:                                                       lead.KindCall,
		`"event_type":"call "`:                                                      lead.KindCall,
		`"event_type":"chat","call":{"duration":1}`:                                 lead.KindChat,
		`"event_type":"form"`:                                                       lead.KindForm,
		`"event_type":"form","form":null`:                                           lead.KindForm,
		`"event_type":"form","form":"FormEmail"`:                                    lead.KindForm,
		`"event_type":"form","form":{"sub_type":"FormPost"}`:                        lead.KindForm,
		`"event_type":"form","form":{"x":{"sub_type":"FormEmail"}}`:                 lead.KindForm,
		`"event_type":"form","form":{"sub_type":"FormEmail "}`:                      lead.KindEmail,
		`"form":{"a":"]},{\\\"","sub_type":"FormEmail"},"event_type":"form"`:        lead.KindEmail,
		`"event_type":"form","form":{"sub_type":"FormPost","sub_type":"FormEmail"}`: lead.KindForm,
		`"event_type":"form","form":null,"form":{"sub_type":"FormEmail"}`:           lead.KindForm,
		`"event_type":"sms"`:                                                        lead.KindOther,
		`"event_type":"Call"`:                                                       lead.KindOther,
	} {
		ev, err := lead.Decode([]byte(inLead(`"id":1,` + in)))
		if err != nil || ev.Kind != want {
			t.Errorf("lead with %s: got %+v, %v, want kind %s", in, ev, err, want)
		}
	}
}

func TestDecodeLeavesTheLeadAsPublished(t *testing.T) {
	body := `{ "id" : 12345678901234567890 , "event_type":"call",` + "\r\n\t" +
		`"n":1.50E+400,"s":"\u00fc\/<b>\ud83d\ude00","d":1,"d":2,"new":{"a":[ ]}}`
	value := []byte(`{"lead"  :  ` + body + "  ,\"advertiser_id\":\"A_1\",\"trigger\":\"new_contact\"}")
	ev, err := lead.Decode(value)
	if err != nil {
		t.Fatal(err)
	}
	if string(ev.Lead) != body {
		t.Errorf("got  %s\nwant %s", ev.Lead, body)
	}
}

func TestRefusalsQuoteNothing(t *testing.T) {
	for _, event := range []string{
		of(`"A_1"`, `"hush"`, `{}`), of(`"A_1"`, `"new_lead"`, `"hush"`), inLead(`"id":"hush"`), `{"hush"`, `hush`,
		of(quote(strings.Repeat("hush", 30)), `""`, `{}`),
	} {
		if _, err := lead.Decode([]byte(event)); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("event %s: got %v, want an error that does not quote it", event, err)
		}
	}
}

func TestMembers(t *testing.T) {
	object := `{ "a" : 1 ,"b\u00e9":"}\\\"",` + "\n" + `"":[{"a":2}],"a":{}, "t":true}`
	var got []string
	for key, value := range jsonscan.Members([]byte(object)) {
		got = append(got, fmt.Sprintf("%s=%s", key, value))
	}
	want := []string{`a=1`, `bé="}\\\""`, `=[{"a":2}]`, `a={}`, `t=true`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	for _, none := range []string{``, `{}`, `{ }`, `[{"a":1}]`, `"{"`, `null`} {
		for key := range jsonscan.Members([]byte(none)) {
			t.Errorf("%s: got member %s, want none", none, key)
		}
	}
}

func TestElements(t *testing.T) {
	for list, want := range map[string][]string{
		`[1]`: {`1`}, "[ 1 ,\n\"a,]\", {\"b\":[2]},[ ] , null,-1.5e3 ]": {`1`, `"a,]"`, `{"b":[2]}`, `[ ]`, `null`, `-1.5e3`},
		`[]`: nil, `[ ]`: nil, ``: nil, `{"a":[1]}`: nil, `"[1]"`: nil, `null`: nil,
	} {
		var got []string
		for value := range jsonscan.Elements([]byte(list)) {
			got = append(got, string(value))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", list, diff)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	var compact bytes.Buffer // as producers publish it
	if err := json.Compact(&compact, examples.Event(lead.KindForm)); err != nil {
		b.Fatal(err)
	}
	event := compact.Bytes()
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := lead.Decode(event); err != nil {
			b.Fatal(err)
		}
	}
}

// with is the minimal event with more members.
func with(more string) string { return strings.TrimSuffix(minimal, "}") + more + "}" }

func of(advertiser, trigger, body string) string {
	return fmt.Sprintf(`{"advertiser_id":%s,"trigger":%s,"lead":%s}`, advertiser, trigger, body)
}

func inLead(members string) string { return of(`"A_1"`, `"new_contact"`, "{"+members+"}") }

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestAsATestLeadItHasAnotherID(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":{"id":1}, "id" : 17 ,"event_type":"call","x":[17]}`: `{"a":{"id":1}, "id" : 99 ,"event_type":"call","x":[17]}`,
		`{"event_type":"call","\u0069d":"17"}`:                    `{"event_type":"call","\u0069d":"99"}`,
	} {
		ev, err := lead.Decode([]byte(`{"advertiser_id":"A","trigger":"new_contact","lead":` + in + `,"test":false}`))
		if err != nil {
			t.Fatal(err)
		}
		test := ev.AsTest("99")
		if string(test.Lead) != want || test.LeadID != "99" || !test.Test {
			t.Errorf("got %s, id %s, test %v; want %s, 99, true", test.Lead, test.LeadID, test.Test, want)
		}
		if string(ev.Lead) != in || ev.LeadID != "17" || ev.Test {
			t.Errorf("the event itself is now %s, id %s, test %v", ev.Lead, ev.LeadID, ev.Test)
		}
	}
}
