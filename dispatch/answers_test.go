package dispatch_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
)

// ruled is a webhook with rules for the answers of its CRM.
func ruled(url string, rules lead.Answers) hooks {
	hook := webhook("w", url)
	hook.Answers = &rules
	return hooks{hook}
}

// TestRulesDecide has answers of CRMs whose status is not the truth.
func TestRulesDecide(t *testing.T) {
	success := lead.Answers{Body: []lead.AnswerRule{{Path: "success", Equals: new("true"), Then: "delivered"}}, Otherwise: "refused"}
	zoho := lead.Answers{
		Body:      []lead.AnswerRule{{Path: "data.0.code", In: []string{"SUCCESS", "DUPLICATE_DATA"}, Then: "delivered", ID: "data.0.details.id"}},
		Otherwise: "refused",
	}
	fault := lead.Answers{Body: []lead.AnswerRule{{Path: "Envelope.Body.Fault", Exists: new(true), Then: "retry"}}}
	for _, c := range []struct {
		name     string
		rules    lead.Answers
		status   int
		body     string
		reason   lead.Reason // empty: delivered
		attempts int
		text     string
	}{
		{"success", success, 200, `{"success":true}`, "", 1, ""},
		{"no success", success, 200, `{"success":false}`, lead.Refused, 1, "the CRM answered 200 OK, which counts as refused by the webhook's answers.otherwise"},
		{"an empty answer", success, 204, ``, lead.Refused, 1, "answers.otherwise"},
		{"not a success, and says so by its status", success, 503, `{"success":true}`, lead.Exhausted, 2, "the CRM answered 503 Service Unavailable"},
		{"stored behind a redirect", lead.Answers{Delivered: []string{"2xx", "302"}}, 302, "", "", 1, ""},
		{"another redirect", lead.Answers{Delivered: []string{"2xx", "302"}}, 301, "", lead.Refused, 1, "redirects are not followed"},
		{"ignored", lead.Answers{Refused: []string{"204"}}, 204, "", lead.Refused, 1, "counts as refused by the webhook's answers.refused (204)"},
		{"not ignored", lead.Answers{Refused: []string{"204"}}, 200, "", "", 1, ""},
		{"known before", lead.Answers{Delivered: []string{"409"}}, 409, "", "", 1, ""},
		{"tried again", lead.Answers{Retry: []string{"410"}}, 410, "", lead.Exhausted, 2, "counts as retry by the webhook's answers.retry (410)"},
		{"one of many", zoho, 207, `{"data":[{"code":"DUPLICATE_DATA","details":{"id":"7"}}]}`, "", 1, ""},
		{"none of many", zoho, 207, `{"data":[{"code":"INVALID_DATA"}]}`, lead.Refused, 1, "answers.otherwise"},
		{"fault", fault, 200, `<s:Envelope xmlns:s="x"><s:Body><s:Fault/></s:Body></s:Envelope>`, lead.Exhausted, 2, "counts as retry by the webhook's answers.body, rule 1"},
		{"no fault", fault, 200, `<s:Envelope xmlns:s="x"><s:Body/></s:Envelope>`, "", 1, ""},
		{"too long", success, 200, `{"success":true,"x":"` + strings.Repeat("x", 64<<10) + `"}`, lead.Refused, 1, "answers.otherwise"},
	} {
		attempts := 0
		bubbleOf(t, dispatch.Options{QuickAttempts: 2}, ruled("https://crm.example.com/", c.rules), func(*http.Request) (*http.Response, error) {
			attempts++
			return &http.Response{StatusCode: c.status, Body: io.NopCloser(strings.NewReader(c.body))}, nil
		}, func(t *testing.T, r *rig) {
			r.handle(t, message(call))
			if attempts != c.attempts {
				t.Errorf("%s: got %d attempts, want %d", c.name, attempts, c.attempts)
			}
			if r.count(t, "leadhook_deliveries_doubtful_total") != 0 {
				t.Errorf("%s: got doubt, want none beside rules", c.name)
			}
			if c.reason == "" {
				r.wantDelivered(t)
				return
			}
			letter := r.onlyLetter(t)
			if letter.Reason != c.reason || letter.Status != c.status || letter.Evidence != lead.Answered || !strings.Contains(letter.Error, c.text) {
				t.Errorf("%s: got %s, status %d, %s, %q; want %s, %q", c.name, letter.Reason, letter.Status, letter.Evidence, letter.Error, c.reason, c.text)
			}
		})
	}
}

// TestRulesReadTheBody has a body that comes in each of the ways in which bodies come.
func TestRulesReadTheBody(t *testing.T) {
	const taken, refused = `{"success":true}`, `{"success":false}`
	for name, write := range map[string]func(w http.ResponseWriter, body string){
		"at once": func(w http.ResponseWriter, body string) { _, _ = io.WriteString(w, body) },
		"in pieces": func(w http.ResponseWriter, body string) {
			for _, piece := range []string{body[:3], body[3:8], body[8:]} {
				_, _ = io.WriteString(w, piece)
				_ = http.NewResponseController(w).Flush()
			}
		},
		"packed": func(w http.ResponseWriter, body string) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			_, _ = io.WriteString(packed, body)
			_ = packed.Close()
		},
	} {
		for _, overTLS := range []bool{false, true} {
			says := taken
			crm := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { write(w, says) }))
			crm.EnableHTTP2 = overTLS
			if overTLS {
				crm.StartTLS()
			} else {
				crm.Start()
			}
			t.Cleanup(crm.Close)
			opts := options(crm.URL)
			if overTLS {
				opts.Attempt.RootCAs = pool(crm.Certificate())
			}
			r := newRig(t, opts, ruled(crm.URL, lead.Answers{
				Body: []lead.AnswerRule{{Path: "success", Equals: new("true"), Then: "delivered"}}, Otherwise: "refused",
			}))
			r.handle(t, message(numbered(1)))
			r.wantDelivered(t)
			says = refused
			r.handle(t, message(numbered(2)))
			if letter := r.onlyLetter(t); letter.Reason != lead.Refused {
				t.Errorf("%s, HTTP/2 %v: got %s, want refused", name, overTLS, letter.Reason)
			}
		}
	}
}

// A lateBody comes after a time, and is then cut off if it is told to.
type lateBody struct {
	after time.Duration
	body  io.Reader
	end   error
}

func (b *lateBody) Read(p []byte) (int, error) {
	time.Sleep(b.after)
	b.after = 0
	n, err := b.body.Read(p)
	if err == io.EOF && b.end != nil {
		err = b.end
	}
	return n, err
}

func (b *lateBody) Close() error { return nil }

// TestRulesWaitForTheBody until the attempt's time is over: nothing else says what the
// answer means.
func TestRulesWaitForTheBody(t *testing.T) {
	for _, c := range []struct {
		name    string
		body    *lateBody
		refused bool
	}{
		{"late", &lateBody{after: 10 * time.Second, body: strings.NewReader(`{"success":false}`)}, true},
		{"cut off", &lateBody{body: strings.NewReader(`{"success":false}`), end: errors.New("cut off")}, false},
	} {
		rules := lead.Answers{Body: []lead.AnswerRule{{Path: "success", Equals: new("false"), Then: "refused"}}}
		bubbleOf(t, dispatch.Options{}, ruled("https://crm.example.com/", rules), func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: c.body}, nil
		}, func(t *testing.T, r *rig) {
			r.handle(t, message(call))
			if got := len(r.letters.all()) > 0; got != c.refused {
				t.Errorf("%s: got refused %v, want %v", c.name, got, c.refused)
			}
		})
	}
}

func TestDoubtIsCounted(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		doubt   float64
		chunked bool
	}{
		{200, `{"success": false}`, 1, false},
		{200, `{"success": false}`, 1, true},
		{200, `{"success": true}`, 0, false},
		{201, `<Success>false</Success>`, 1, false},
		{422, `{"success": false}`, 0, false},
		{200, ``, 0, false},
	} {
		crm := newCRM(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			if c.chunked {
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = io.WriteString(w, c.body)
		})
		r := newRig(t, options(crm.URL), hooks{webhook("w", crm.URL)})
		r.handle(t, message(call))
		if got := r.count(t, "leadhook_deliveries_doubtful_total"); got != c.doubt {
			t.Errorf("%d %s: got %v deliveries with doubt, want %v", c.status, c.body, got, c.doubt)
		}
		if got := r.standing.doubts["w"]; float64(got) != c.doubt {
			t.Errorf("%d %s: got %d noted of the webhook, want %v", c.status, c.body, got, c.doubt)
		}
	}
}
