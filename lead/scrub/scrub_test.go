package scrub_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/scrub"
)

const sentence = "The field postal is required"

const someLead = `{"id":17,"event_type":"form","status":"active_lead","occured_at":"2026-11-23T16:12:09Z","display_name":"Pat O'Brien",
	"contact":{"first_name":"Pat","last_name":"O'Brien","email":"pat.obrien@example.net","phone_mobile":"+1 (309) 555-0188","phone_work":"(833)174-7656 x881",
		"address1":"14 Elm Court","city":"Bergström","postal":"61614","notes":"wants a test drive on Saturday"},
	"form":{"sub_type":"FormPost","message":"<p>Is the <b>blue</b> one still there?</p>","extra_fields":{
		"year":"2019","consent":true,"color":"turquoise","fullName":"Li Na","field_data":[{"name":"phone_number","values":["+4915112345678"]},{"name":"full_name","values":["Kim"]}]}}}`

func someWebhook() *lead.Webhook {
	return &lead.Webhook{
		URL:            "https://crm.example.com/hooks/T024BE7LD/kx7Qz01mPw9?key=qs-4711-secret",
		Authorization:  lead.Secret("Basic " + base64.StdEncoding.EncodeToString([]byte("leads:correct horse"))),
		SigningSecrets: []lead.Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
		Headers:        map[string]lead.Secret{"X-Api-Key": "!$%&/()=?"},
	}
}

func TestExcerpt(t *testing.T) {
	s := scrub.New([]byte(someLead), someWebhook())
	for said, want := range map[string]string{
		sentence:                  sentence,
		"":                        "",
		" \r\n\tno \x00 \xff\xfe": "no",
		`{"status":"error","id":5725767000000524157,"at":"2026-11-23 16:12:09","ip":"192.168.100.200","uuid":"0197a3e2-5c0e-7b1a-9f57-3d2f0c6a1b01"}`: `{"status":"error","id":5725767000000524157,"at":"2026-11-23 16:12:09","ip":"192.168.100.200","uuid":"0197a3e2-5c0e-7b1a-9f57-3d2f0c6a1b01"}`,
		"no PAT here, but a patent":                                    "no *** here, but a patent",
		"dear O&#39;Brien, Pat":                                        "dear ***, ***",
		"Ki\r\n m, Ki%0D%0A%20m, K\n\ti\n\tm, Li\r\n Na; P\r\n at":     "***, ***, ***, ***; ***",
		"call 309 555-\r\n   0188 or 309&#13;&#10;&#9;&#9;&#9;5550188": "call *** or ***",
		"pat.obrien%4\r\n 0example.net, &#x4\r\n\tB;im":                "***, ***",
		"other.person@\r\n example.org is @ home":                      "*** is @ home",
		"Li Na exists, Kim too, Li does not":                           "*** exists, *** too, Li does not",
		"pat.obrien%40example.net is known":                            "*** is known",
		"bounced: other.person@example.org.":                           "bounced: ***",
		"call 309.555.0188 or 001 833 174 7656 or 0151-12345678":       "call *** or *** or ***",
		"call 13095550188, 2125550123 or 555 0123":                     "call ***, *** or ***",
		"14 ELM\r\n COURT, Bergstrom":                                  "***, ***",
		`BERGSTR\u00d6M BERGSTR&Ouml;M BERGSTR%C3%96M BERGSTR%D6M`:     "*** *** *** ***",
		"is the blue one still there":                                  "***",
		"he wants a test drive on Sunday":                              "he ***unday",
		"color=Turquoise&year=2019&consent=true":                       "color=***&year=2019&consent=true",
		"Authorization: Basic bGVhZHM6Y29ycmVjdCBob3JzZQ==":            "Authorization: ***",
		"user leads:correct+horse":                                     "user ***",
		"POST /hooks/T024BE7LD/kx7Qz01mPw9?key=qs-4711-secret":         "POST /hooks/***?***",
		"key !$%&amp;/()=?":                                            "key ***",
		"bad signature with MfKQ9r8GKYqrTwjU...":                       "bad signature with ***...",
	} {
		if got := s.Excerpt([]byte(said), true); got != want {
			t.Errorf("%q:\n got %q\nwant %q", said, got, want)
		}
	}
}

// TestWhatIsPersonal has what is told by its name, or by its place.
func TestWhatIsPersonal(t *testing.T) {
	for _, c := range []struct{ lead, said, want string }{
		{`{"form":{"extra_fields":{"phone":4930901820}}}`, "no 30 901820, 4930901820", "no ***, ***"},
		{`{"form":{"extra_fields":{"Mobile":{"value":5550188}}}}`, "no 5550188", "no ***"},
		{`{"form":{"extra_fields":{"cell":["a",5550188.0, 4.9309e8]}}}`, "no 5550188", "no ***"},
		{`{"form":{"extra_fields":{"a":[{"name":"callback number","value":5550188}]}}}`, "no 5550188", "no ***"},
		{`{"form":{"extra_fields":{"date_of_birth":19800229,"budget":25000000}}}`, "not 19800229 or 25000000", "not *** or 25000000"},
		{`{"contact":{"tel":5550188,"id":5550189},"call":{"caller_number":5550190}}`, "5550188, 5550189, 5550190", "***, 5550189, ***"},
		{`{"chat":{"transcript":[{"id":1,"from":"Kim Ås","message":"hello"}]}}`, "KIM is there, so is kim as; kimono, as", "*** is there, so is ***; kimono, as"},
		{`{"chat":{"transcript":[{"from":"Visitor"},{"from":"customer"}]}}`, "the customer, a visitor", "the customer, a visitor"},
		{`{"contact":{"phone_home":"(833)174-7656 x881"}}`, "833 174 7656, not 7656881", "***, not 7656881"},
		{`{"contact":{"name":{"first":"Kim","middle":"Åse"}}}`, "kim, ase", "***, ***"},
		{`{"form":{"extra_fields":{"Your name":{"first":"Kim"},"form":{"name":"Åse"}}}}`, "kim, ase", "***, ***"},
	} {
		s := scrub.New([]byte(c.lead), &lead.Webhook{})
		if got := s.Text(c.said, scrub.MaxKept); got != c.want {
			t.Errorf("%s: %q:\n got %q\nwant %q", c.lead, c.said, got, c.want)
		}
	}
}

func TestAuthorization(t *testing.T) {
	for _, c := range []struct{ value, said, want string }{
		{"leads-ag:Pw:4711", "user LEADS-AG, password pw:4711", "user ***, password ***"},
		{"leads-ag:correct horse", "leads-ag or correct horse", "*** or ***"},
		{"Basic " + base64.StdEncoding.EncodeToString([]byte("dealer:p4$$")), "dealer and p4$$ of basic", "dealer and *** of basic"},
		{"Basic " + base64.RawStdEncoding.EncodeToString([]byte("k4711:")), "no key k4711", "no key ***"},
		{"ApiKey dealer:p4$$ 17", "dealer or p4$$", "dealer or ***"},
		{`Token token="ab12", id=kx9z`, "ab12 kx9z of the token", "*** *** of the token"},
		{"Bearer kx9-z", "Bearer kx9-z, bearer of kx9-z", "***, bearer of ***"},
		{"leads:post", sentence + " of leads by POST", sentence + " of leads by ***"},
		{"leads:post", "no leads:post, leads%3Apost", "no ***, ***"},
		{"Basic " + base64.StdEncoding.EncodeToString([]byte("field:$post$")), sentence + " by $post$", sentence + " by ***"},
		{"jokin", "the joking of JO\r\n KIN", "the joking of ***"},
	} {
		s := scrub.New(nil, &lead.Webhook{Authorization: lead.Secret(c.value)})
		if got := s.Text(c.said, scrub.MaxKept); got != c.want {
			t.Errorf("%s: %q:\n got %q\nwant %q", c.value, c.said, got, c.want)
		}
	}
}

func TestRecord(t *testing.T) {
	s := scrub.New([]byte(someLead), someWebhook())
	for id, want := range map[string]string{
		"10987654321": "10987654321", "2026-0001234-17": "2026-0001234-17", "3095550188": "***", "+49 30 901820": "***", "a@b.example": "***",
		"00Q5e00000ABCDE": "00Q5e00000ABCDE", "turquoise/1": "***/1",
	} {
		if got := s.Record(id, 128); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

// TestTheEndOfWhatWasCutShort has a secret of which only the beginning came.
func TestTheEndOfWhatWasCutShort(t *testing.T) {
	s := scrub.New([]byte(someLead), someWebhook())
	said := sentence + strings.Repeat(".", 400) + " pat.obr"
	if got := s.Excerpt([]byte(said), false); !strings.HasPrefix(got, sentence) || strings.Contains(got, "pat") {
		t.Errorf("got %q", got)
	}
	long := strings.Repeat("x ", scrub.MaxRead/2-2) + "turquoise"
	if got := s.Text(long, 2*scrub.MaxRead); strings.Contains(got, "t") {
		t.Errorf("got the end %q", got[len(got)-40:])
	}
}

// spellings are ways in which a CRM may write what it sends back.
var spellings = map[string]func(*rapid.T, string) string{
	"plain": func(_ *rapid.T, s string) string { return s },
	"upper": func(_ *rapid.T, s string) string { return strings.ToUpper(s) },
	"lower": func(_ *rapid.T, s string) string { return strings.ToLower(s) },
	"query": func(_ *rapid.T, s string) string { return url.QueryEscape(s) },
	"path":  func(_ *rapid.T, s string) string { return url.PathEscape(s) },
	"html":  func(_ *rapid.T, s string) string { return html.EscapeString(s) },
	"json": func(_ *rapid.T, s string) string {
		b, _ := json.Marshal(s)
		return string(b[1 : len(b)-1])
	},
	"fold": func(rt *rapid.T, s string) string {
		return strings.ReplaceAll(s, " ", rapid.SampledFrom([]string{"\r\n ", "\n", "\r\n\t", "  "}).Draw(rt, "fold"))
	},
	"column": func(rt *rapid.T, s string) string {
		runes := []rune(s)
		at := rapid.IntRange(0, len(runes)).Draw(rt, "column")
		return string(runes[:at]) + rapid.SampledFrom([]string{"\r\n ", "\n   ", "\r\n\t"}).Draw(rt, "break") + string(runes[at:])
	},
	"some": func(rt *rapid.T, s string) string {
		var b strings.Builder
		escapes := []string{`\u%04x`, "&#%d;", "&#x%X;", "%%u%04X"}
		for _, r := range s {
			if how := rapid.IntRange(0, 8).Draw(rt, "how"); how < len(escapes) && r <= 0xffff {
				fmt.Fprintf(&b, escapes[how], r)
			} else {
				b.WriteRune(r)
			}
		}
		return b.String()
	},
}

func spell(rt *rapid.T, s string) string {
	for range rapid.IntRange(0, 3).Draw(rt, "layers") {
		s = spellings[rapid.SampledFrom(slices.Sorted(mapsKeys(spellings))).Draw(rt, "spelling")](rt, s)
	}
	return s
}

func mapsKeys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

var (
	letters = []rune("bcdfghjkmqvwxzBCDFGHJKQVWXZÄöüßéñÇłøЖд中文")
	name    = rapid.StringOfN(rapid.RuneFrom(letters), 3, 12, -1)
	text    = rapid.Custom(func(rt *rapid.T) string {
		words := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom(append(letters, []rune(`'"&<>+%\.,-!?=😀`)...)), 2, 9, -1), 2, 12).Draw(rt, "words")
		return "q" + strings.Join(words, " q")
	})
	secret = rapid.StringOfN(rapid.RuneFrom([]rune("bcdfghjkQVWXZ0123456789-_.~+/=!$%&:")), 12, 60, -1)
	phone  = rapid.StringMatching(`(\+1 ?)?\(?[2-9][0-9]{2}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}`)
	email  = rapid.StringMatching(`[bcdfg]{3,9}[.+_]?[bcdfg]{1,9}@[xyz]{3,9}\.(com|example\.net)`)
)

// TestNothingOfTheLeadIsKept has a CRM that sends back whatever it likes, however it likes.
func TestNothingOfTheLeadIsKept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first, last, mail, number := name.Draw(rt, "first"), name.Draw(rt, "last"), email.Draw(rt, "email"), phone.Draw(rt, "phone")
		notes, street, message, field, token := text.Draw(rt, "notes"), text.Draw(rt, "street"), text.Draw(rt, "message"), text.Draw(rt, "field"), secret.Draw(rt, "token")
		raw, err := json.Marshal(map[string]any{
			"id": 17, "event_type": "form", "notes": notes,
			"contact": map[string]any{"first_name": first, "last_name": last, "email": mail, "phone_home": number, "address1": street},
			"form":    map[string]any{"message": message, "extra_fields": map[string]any{"q1": []any{map[string]any{"deep": field}}}},
		})
		if err != nil {
			rt.Fatal(err)
		}
		s := scrub.New(raw, &lead.Webhook{URL: "https://crm.example.com/leads", Authorization: lead.Secret("Bearer " + token)})
		known := map[string]string{"first": first, "last": last, "email": mail, "phone": number, "notes": notes, "street": street, "message": message, "field": field, "token": token}
		echoed := rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(mapsKeys(known))), 1, 4).Draw(rt, "echoed")
		var body strings.Builder
		body.WriteString(sentence + " iiiiiiiiiiii") // between letters that are in nothing above
		for _, what := range echoed {
			body.WriteString(rapid.SampledFrom([]string{" ", ": ", "\r\n", `","`, "<td>"}).Draw(rt, "before") + spell(rt, known[what]) + rapid.SampledFrom([]string{" ", `"}`, "</td>", "\n", ""}).Draw(rt, "after"))
		}
		got := s.Excerpt([]byte(body.String()), true)
		if !strings.HasPrefix(got, sentence) {
			rt.Fatalf("%q became %q", body.String(), got)
		}
		rest := got[len(sentence):]
		for range 4 {
			for what, value := range known {
				if slices.Contains(echoed, what) && (strings.Contains(squeezed(rest), squeezed(value)) || strings.Contains(onLine(rest), onLine(value))) {
					rt.Fatalf("the %s %q still stands in %q, which was %q", what, value, got, body.String())
				}
			}
			rest = html.UnescapeString(unescaped(rest))
		}
	})
}

// unescaped undoes what spellings do, as well as the standard library can.
func unescaped(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		s = u
	}
	var text string
	if json.Unmarshal([]byte(`"`+strings.ReplaceAll(s, `"`, `\"`)+`"`), &text) == nil {
		s = text
	}
	return s
}

func squeezed(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(s)), " ")
}

// onLine returns a text without blanks.
func onLine(s string) string { return strings.ReplaceAll(squeezed(s), " ", "") }

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte(someLead), []byte(`{"error":"Pat O\u0027Brien %2b1 309 555 0188 &#x70;at.obrien@example.net"}`), "token x", true)
	f.Add([]byte(`{"a":[[[[[[[[[[[[[["deep text"]]]]]]]]]]]]]]}`), []byte("deep text \\ud83d\\ude00 \\u 1 %u %z &; &#; &#99999999999;"), "", false)
	f.Add([]byte(`no JSON`), []byte{0xff, '%', 'f', 'f', 0}, "%", true)
	f.Fuzz(func(t *testing.T, leadObject, body []byte, token string, whole bool) {
		s := scrub.New(leadObject, &lead.Webhook{URL: token, Authorization: lead.Secret(token), Headers: map[string]lead.Secret{"X": lead.Secret(body)}})
		for _, got := range []string{s.Excerpt(body, whole), s.Text(string(body), scrub.MaxKept), s.Record(string(body), 128)} {
			if len(got) > scrub.MaxKept || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
				t.Errorf("%q became %q", body, got)
			}
		}
	})
}

// BenchmarkExcerpt is the work for one failed attempt.
func BenchmarkExcerpt(b *testing.B) {
	var names strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&names, "n%05x ", i)
	}
	manyNames := fmt.Sprintf(`{"form":{"extra_fields":{"full_name":%q}}}`, names.String())
	for _, c := range []struct {
		name string
		lead string
		body string
	}{
		{"200 B", someLead, `{"error":"` + sentence + `","echo":"Pat O'Brien"}`},
		{"8 KiB of escapes", someLead, strings.Repeat(`%255Cu0041&amp;#65;`, 64<<10/19)},
		{"8 KiB alike", someLead, strings.Repeat("a", scrub.MaxRead)},
		{"very many names", manyNames, strings.Repeat("n1 ", scrub.MaxRead/3)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				scrub.New([]byte(c.lead), someWebhook()).Excerpt([]byte(c.body), true)
			}
		})
	}
}

// leadOf returns a lead of so many bytes at least, most of them the texts that value returns.
func leadOf(size int, value func(i int) string) string {
	var fields strings.Builder
	for i := 0; fields.Len() < size; i++ {
		fmt.Fprintf(&fields, `,"q%05d":%q`, i, value(i))
	}
	return fmt.Sprintf(`{"contact":{"first_name":"Pat","email":"pat.obrien@example.net"},"form":{"extra_fields":{%s}}}`, fields.String()[1:])
}

// leadsOf are leads of one size and of several kinds.
func leadsOf(size int) map[string]string {
	return map[string]string{
		"one text":    leadOf(size, func(int) string { return strings.Repeat("the blue car over there ", size/24) }),
		"prose":       leadOf(size, func(i int) string { return strings.Repeat(fmt.Sprintf("is the blue car of %d there? ", i), 4) }),
		"short texts": leadOf(size, func(i int) string { return fmt.Sprintf("q%07x", i*7919) }),
		"odd texts":   leadOf(size, func(i int) string { return fmt.Sprintf("%03x!$%%/", i) }),
		"HTML":        leadOf(size, func(i int) string { return fmt.Sprintf("<p>is <b>the blue %d</b> car &amp; there?</p>", i) }),
		"one name":    fmt.Sprintf(`{"form":{"extra_fields":{"full_name":%q}}}`, strings.Repeat("n1 O'Brien ", size/11)),
	}
}

// TestMemory has large leads of all kinds: what is looked for must not take many times their
// size.
func TestMemory(t *testing.T) {
	const size, most = 500 << 10, 16
	for kind, leadObject := range leadsOf(size) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		scrub.New([]byte(leadObject), someWebhook()).Excerpt([]byte(sentence), true)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > most*size {
			t.Errorf("%s: %d KiB for a lead of %d KiB", kind, taken>>10, size>>10)
		}
	}
}

// BenchmarkLead is the work for one failed attempt at a lead.
func BenchmarkLead(b *testing.B) {
	body := []byte(`{"error":"` + sentence + `","echo":"Pat O'Brien is the blue car of 7 there?"}`)
	for _, size := range []int{2 << 10, 100 << 10, 900 << 10} {
		leads := leadsOf(size)
		for _, kind := range slices.Sorted(maps.Keys(leads)) {
			b.Run(fmt.Sprintf("%d KiB/%s", size>>10, kind), func(b *testing.B) {
				for b.Loop() {
					scrub.New([]byte(leads[kind]), someWebhook()).Excerpt(body, true)
				}
			})
		}
	}
}
