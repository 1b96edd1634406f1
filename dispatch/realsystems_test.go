package dispatch_test

import (
	"strings"
	"testing"

	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/lead"
)

// TestRealSystems sends a lead to what answers as real systems do, without rules and with those
// that docs/receivers.md has for them.
func TestRealSystems(t *testing.T) {
	const company = `{"id":1,"event_type":"call","contact":{"company":"Whitfield Landscaping"}}`
	says := func(path, value string, then string) *lead.Answers {
		return &lead.Answers{Body: []lead.AnswerRule{{Path: path, Equals: &value, Then: then}}}
	}
	code := &lead.Answers{
		Body:      []lead.AnswerRule{{Path: "data.0.code", In: []string{"SUCCESS", "DUPLICATE_DATA"}, Then: "delivered", ID: "data.0.details.id"}},
		Otherwise: "refused",
	}
	fault := &lead.Answers{
		Refused: []string{"500"},
		Body:    []lead.AnswerRule{{Path: "Envelope.Body.Fault", Exists: new(true), Then: "refused", Reason: "Envelope.Body.Fault.faultstring"}},
	}
	const taken, doubtful = "delivered", "delivered with doubt"
	for _, c := range []struct {
		system, lead string
		rules        *lead.Answers
		attempts     int
		without      string // what becomes of it without the rules, or a part of the words of the dead letter
		with         string // likewise
	}{
		{"apps-script", call, &lead.Answers{Delivered: []string{"2xx", "302"}}, 1, "as Google Apps Script answers", taken},
		{"hubspot-locked", call, &lead.Answers{Retry: []string{"423"}}, 2, taken, taken},
		{"zoho", company, code, 1, taken, taken},
		{"zoho", call, code, 1, doubtful, "counts as refused by the webhook's answers.otherwise"},
		{"soap-fault", call, fault, 3, "answered 500 Internal Server Error", "counts as refused by the webhook's answers.refused (500)"},
		{"soap-fault 200", call, fault, 1, doubtful, "counts as refused by the webhook's answers.body, rule 1"},
		{"leadbyte", call, says("records.0.status", "Rejected", "refused"), 1, doubtful, "counts as refused by the webhook's answers.body, rule 1"},
		{"follow-up-boss", call, &lead.Answers{Refused: []string{"204"}}, 1, taken, "counts as refused by the webhook's answers.refused (204)"},
		{"cloudflare", call, nil, 1, "a bot challenge of Cloudflare in front of the CRM", ""},
		{"iis", call, nil, 3, "answered 500 Internal Server Error", ""},
		{"php-warning", call, &lead.Answers{Body: []lead.AnswerRule{{Contains: `"success":false`, Then: "refused"}}}, 1, doubtful, "counts as refused by the webhook's answers.body, rule 1"},
		{"close-silently", call, nil, 1, "the CRM closed the connection without an answer", ""},
	} {
		for _, rules := range []*lead.Answers{nil, c.rules} {
			want := c.without
			if rules != nil {
				want = c.with
			}
			mode, err := samplecrm.ParseAnswerMode(c.system)
			if err != nil {
				t.Fatal(err)
			}
			crm, err := samplecrm.Start(samplecrm.Options{Answer: mode.For, KeepPosts: 10})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(crm.Close)
			hook := webhook("w", crm.URL()+"/lead")
			hook.Answers = rules
			r := newRig(t, options(crm.URL()), hooks{hook})
			r.handle(t, message(c.lead))
			got := taken
			if letters := r.letters.all(); len(letters) > 0 {
				got = letters[0].Error
			} else if r.count(t, "leadhook_deliveries_doubtful_total") > 0 {
				got = doubtful
			}
			if got != want && (want == taken || want == doubtful || !strings.Contains(got, want)) {
				t.Errorf("%s, with rules %v: got %q, want %q", c.system, rules != nil, got, want)
			}
			if posts := len(crm.Posts()); posts != c.attempts && rules == nil {
				t.Errorf("%s: got %d attempts, want %d", c.system, posts, c.attempts)
			}
		}
	}
}
