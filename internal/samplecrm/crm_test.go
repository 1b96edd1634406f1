package samplecrm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

func startCRM(t *testing.T, opts samplecrm.Options) *samplecrm.CRM {
	t.Helper()
	c, err := samplecrm.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// post sends a body as JSON, and as ADF if it starts like XML, for delivery
// dlv_1 unless the headers say otherwise.
func post(t *testing.T, url, body string, headers ...string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(body, "<?xml") {
		req.Header.Set("Content-Type", "application/xml; charset=utf-8")
	}
	req.Header.Set("webhook-id", "dlv_1")
	req.Header.Set("webhook-attempt", "1")
	req.Header.Set("webhook-trigger", "new_contact")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := transport.RoundTrip(req)
	if err == nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return resp, err
}

func mustPost(t *testing.T, url, body string, headers ...string) *http.Response {
	t.Helper()
	resp, err := post(t, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

const adf = `<?xml version="1.0" encoding="UTF-8"?>
<?adf version="1.0"?>
<adf><prospect status="new"><id sequence="1" source="leadhook">1004</id><requestdate>2026-11-23T16:12:09+00:00</requestdate>
<vehicle interest="buy"><year>2024</year><make>Volvo</make><model>XC40</model></vehicle>
<customer><contact><name part="first" type="individual">Zo&#235;</name><name part="last" type="individual">Park</name><phone/></contact>
<comments>TEST LEAD
Phone call, new contact</comments></customer>
<vendor><vendorname>Prairie</vendorname><contact><name part="full" type="business">Prairie</name><phone/></contact></vendor>
<provider><name part="full" type="business">leadhook</name><service>Phone call</service></provider></prospect></adf>`

// adfAbout is adf with another vehicle and other comments; an unknown make goes
// with an unknown model.
func adfAbout(year, maker, comments string) string {
	model := "XC40"
	if maker == "Unknown" {
		model = maker
	}
	return strings.NewReplacer("2024", year, "Volvo", maker, "XC40", model, "TEST LEAD\nPhone call, new contact", comments).Replace(adf)
}

func TestCRMShowsLeads(t *testing.T) {
	tests := map[string]struct {
		body    string
		headers []string
		status  int
		want    string // without the time of day
	}{
		"form": {
			body: `{"lead":{"id":1003,"event_type":"form","contact":{"first_name":" Maria","last_name":"Lopez "},
				"form":{"sub_type":"FormPost","subject":null,"message":"Still there?\r\nThanks"}}}`,
			status: 204,
			want:   "Web form from Maria Lopez: Still there?  Thanks\nPOST /json?key=1 · JSON · new_contact · lead 1003 · dlv_1\n",
		},
		"e-mail, again": {
			body:    `{"lead":{"id":"18446744073709551615","event_type":"form","display_name":"M. Lopez","form":{"sub_type":"FormEmail","subject":"Hello"}}}`,
			headers: []string{"webhook-attempt", "2", "webhook-trigger", "existing_contact"},
			status:  204,
			want:    "Email from M. Lopez: Hello\nPOST /json?key=1 · JSON · existing_contact · lead 18446744073709551615 · dlv_1 · attempt 2\n",
		},
		"untidy": {
			body:   `{"lead":{"id":7,"event_type":"chat","contact":"nobody","call":17,"chat":{"summary":{"a":1}},"notes":[]}}`,
			status: 204,
			want:   "Chat from somebody: {\"a\":1}\nPOST /json?key=1 · JSON · new_contact · lead 7 · dlv_1\n",
		},
		"terminal escapes": {
			body:   `{"lead":{"id":7,"event_type":"call","display_name":"\u001b[2JX"}}`,
			status: 204,
			want:   "Phone call from  [2JX\nPOST /json?key=1 · JSON · new_contact · lead 7 · dlv_1\n",
		},
		"ADF, test lead": {
			body:   adf,
			status: 204,
			want:   "Phone call from Zoë Park: 2024 Volvo XC40\nPOST /json?key=1 · ADF · new_contact · lead 1004 · dlv_1 · TEST LEAD\n",
		},
		"ADF, e-mail without vehicle": {
			body:   adfAbout("Unknown", "Unknown", "Lead type: Email\nCampaign: Service\nMessage: When?\nSubject: Service due"),
			status: 204,
			want:   "Phone call from Zoë Park: Service due\nPOST /json?key=1 · ADF · new_contact · lead 1004 · dlv_1\n",
		},
		"ADF, vehicle and message": {
			body:   adfAbout("Unknown", "Volvo", "Lead type: Web form\nMessage: Still there?\nThanks"),
			status: 204,
			want:   "Phone call from Zoë Park: Volvo XC40, Still there?\nPOST /json?key=1 · ADF · new_contact · lead 1004 · dlv_1\n",
		},
		"ADF, nothing to tell": {
			body:   adfAbout("Unknown", "Unknown", "Lead type: Phone call"),
			status: 204,
			want:   "Phone call from Zoë Park\nPOST /json?key=1 · ADF · new_contact · lead 1004 · dlv_1\n",
		},
		"JSON, test lead": {
			body:    `{"lead":{"id":7,"event_type":"sms"}}`,
			headers: []string{"webhook-test", "true"},
			status:  204,
			want:    "Lead from somebody\nPOST /json?key=1 · JSON · new_contact · lead 7 · dlv_1 · TEST LEAD\n",
		},
		"not JSON": {
			body:   `{"lead":`,
			status: 400,
			want:   "Not a lead: the body is not JSON\nPOST /json?key=1 · new_contact · dlv_1 · answered 400\n",
		},
		"no lead": {
			body:   `{"id":7}`,
			status: 400,
			want:   "Not a lead: the body has no member \"lead\"\nPOST /json?key=1 · new_contact · dlv_1 · answered 400\n",
		},
		"not ADF": {
			body:   `<?xml version="1.0"?><html/>`,
			status: 400,
			want:   "Not a lead: the body is not ADF: no adf element with a prospect can be read\nPOST /json?key=1 · new_contact · dlv_1 · answered 400\n",
		},
		"neither": {
			body:    `lead=1`,
			headers: []string{"Content-Type", "application/x-www-form-urlencoded"},
			status:  400,
			want: "Not a lead: the Content-Type is neither application/json nor application/xml\n" +
				"POST /json?key=1 · new_contact · dlv_1 · answered 400\n",
		},
		"endless": {
			body:   strings.Repeat(" ", 8<<20+1),
			status: 413,
			want:   "Not a lead: http: request body too large\nPOST /json?key=1 · new_contact · dlv_1 · answered 413\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := startCRM(t, samplecrm.Options{Out: &out})
			resp := mustPost(t, c.URL()+"/json?key=1", tt.body, tt.headers...)
			c.Close() // nobody writes any more
			if resp.StatusCode != tt.status {
				t.Errorf("answered %d, want %d", resp.StatusCode, tt.status)
			}
			if diff := cmp.Diff(tt.want, withoutMargin(out.String())); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
		})
	}
}

// withoutMargin drops the time of day, and the blanks below it.
func withoutMargin(shown string) string {
	var b strings.Builder
	for line := range strings.Lines(shown) {
		b.WriteString(line[len("00:00:00  "):])
	}
	return b.String()
}

func TestCRMAnswersByOrder(t *testing.T) {
	c := startCRM(t, samplecrm.Options{KeepPosts: 2, KeepCounts: 2, Answer: func(p samplecrm.Post) samplecrm.Answer {
		if p.Path == "/busy" {
			return samplecrm.Answer{Status: 429, Header: http.Header{"Retry-After": {"7"}}, Body: "busy"}
		}
		return samplecrm.Answer{Status: 201, After: time.Millisecond}
	}})
	busy := mustPost(t, c.URL()+"/busy", "whatever")
	body, _ := io.ReadAll(busy.Body)
	if busy.StatusCode != 429 || busy.Header.Get("Retry-After") != "7" || string(body) != "busy" {
		t.Errorf("answered %d, Retry-After %q, %q; want 429, 7, busy", busy.StatusCode, busy.Header.Get("Retry-After"), body)
	}
	for i, id := range []string{"dlv_1", "dlv_1", "dlv_2", "dlv_3"} {
		if resp := mustPost(t, c.URL()+"/free", fmt.Sprint("body ", i), "webhook-id", id); resp.StatusCode != 201 {
			t.Errorf("answered %d, want 201", resp.StatusCode)
		}
	}

	var bodies []string
	for _, p := range c.Posts() {
		bodies = append(bodies, string(p.Body))
	}
	if diff := cmp.Diff([]string{"body 2", "body 3"}, bodies); diff != "" {
		t.Errorf("the newest two posts (-want +got):\n%s", diff)
	}
	want := map[samplecrm.Delivery]samplecrm.Count{
		{ID: "dlv_1", Path: "/busy"}: {Posts: 1, Taken: 0},
		{ID: "dlv_1", Path: "/free"}: {Posts: 2, Taken: 2},
		{}:                           {Posts: 2, Taken: 2}, // there was room for two
	}
	if diff := cmp.Diff(want, c.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestCRMThatDoesNotAnswerEndsWithItself(t *testing.T) {
	for _, silent := range []samplecrm.Answer{{Never: true}, {After: time.Hour}} {
		came := make(chan samplecrm.Post, 1)
		c := startCRM(t, samplecrm.Options{Answer: func(p samplecrm.Post) samplecrm.Answer {
			came <- p
			return silent
		}})
		ended := make(chan error, 1)
		go func() {
			_, err := post(t, c.URL(), "{}")
			ended <- err
		}()
		<-came
		c.Close()
		if err := <-ended; err == nil {
			t.Errorf("%+v: answered, want a broken connection", silent)
		}
	}
}

func TestCRMThatNeverAnswersLetsItsClientGo(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Answer: func(samplecrm.Post) samplecrm.Answer { return samplecrm.Answer{Never: true} }})
	impatient(t, c.URL())
}

// impatient gives up on a POST that is not answered.
func impatient(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want no answer", err)
	}
}

func TestCRMWantsPOST(t *testing.T) {
	c := startCRM(t, samplecrm.Options{KeepPosts: 1})
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/json", nil))
	if w.Code != http.StatusMethodNotAllowed || !strings.Contains(w.Body.String(), "sample CRM") {
		t.Errorf("GET is answered %d %q, want 405 and what this is", w.Code, w.Body)
	}
	if n := len(c.Posts()); n != 0 {
		t.Errorf("it remembers %d posts, want none", n)
	}
}
