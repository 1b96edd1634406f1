package samplecrm_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

const pageForm = `{"lead":{"id":1003,"event_type":"form","contact":{"first_name":"Maria","last_name":"Lopez","email":"maria@example.com",
	"phone_mobile":null,"phone_home":"555 0100"},"form":{"sub_type":"FormPost","message":"Still there?"}}}`

// ask makes a request as a program on this machine does, and returns the
// status and the body.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	resp := begin(t, method, url, body)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// begin makes a request with headers, and returns when the answer begins.
func begin(t *testing.T, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Host = req.Header.Get("Host")
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func order(t *testing.T, c *samplecrm.CRM, path, answer string) {
	t.Helper()
	status, text := ask(t, http.MethodPut, c.URL()+"/-/answers"+path, answer)
	if status != http.StatusOK || !strings.HasPrefix(text, `{"path":"`+path+`","answer":"`) {
		t.Fatalf("PUT %s %s: got %d %s", path, answer, status, text)
	}
}

func TestAnswersAreOrderedForEachPath(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	for _, tt := range []struct {
		answer     string
		status     int
		retryAfter string
	}{
		{"500", 500, ""}, {"401", 401, ""}, {"410", 410, ""}, {"429", 429, "30"}, {"503 1m", 503, "60"}, {"429 1500ms", 429, "2"},
		{"slow 1ms", 204, ""}, {"200", 200, ""}, {"healthy", 204, ""},
	} {
		order(t, c, "/a/%20b", tt.answer)
		resp := mustPost(t, c.URL()+"/a/%20b?key=1", pageForm)
		if resp.StatusCode != tt.status || resp.Header.Get("Retry-After") != tt.retryAfter {
			t.Errorf("%s: answered %d, Retry-After %q", tt.answer, resp.StatusCode, resp.Header.Get("Retry-After"))
		}
		if other := mustPost(t, c.URL()+"/a", pageForm); other.StatusCode != 204 {
			t.Errorf("%s: another path is answered %d, want 204", tt.answer, other.StatusCode)
		}
	}
	order(t, c, "/a", "hang")
	impatient(t, c.URL()+"/a")
	order(t, c, "/", "502")
	if resp := mustPost(t, c.URL(), pageForm); resp.StatusCode != 502 {
		t.Errorf("the root is answered %d, want 502", resp.StatusCode)
	}
	want := `[{"path":"/","answer":"502"},{"path":"/a","answer":"hang"},{"path":"/a/%20b","answer":"healthy"}]`
	if status, got := ask(t, http.MethodGet, c.URL()+"/-/answers", ""); status != 200 || strings.TrimSpace(got) != want {
		t.Errorf("the answers are %d %s, want %s", status, got, want)
	}
}

func TestAPathIsOrderedAsTheWebhookHasIt(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	for _, path := range []string{"//twice", "/a/../b", "/-/answers", "/UPPER/", "/%2f"} {
		order(t, c, path, "401")
		if resp := mustPost(t, c.URL()+path, pageForm); resp.StatusCode != 401 {
			t.Errorf("%s is answered %d, want 401", path, resp.StatusCode)
		}
	}
}

func TestOrdersThatAreRefusedSayWhy(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	for _, tt := range []struct {
		path, answer string
		status       int
		want         string
	}{
		{"/a", "never", 400, "hang"},
		{"/a", strings.Repeat("4", 10_000), 400, "an answer is"},
		{"/" + strings.Repeat("a", 600), "401", 400, "500 bytes"},
		{"", "401", 405, "POST"},
		{"a", "401", 400, "begins with /"},
	} {
		status, text := ask(t, http.MethodPut, c.URL()+"/-/answers"+tt.path, tt.answer)
		if status != tt.status || !strings.Contains(text, tt.want) {
			t.Errorf("%.20s %.20s: got %d %s, want %d and %q", tt.path, tt.answer, status, text, tt.status, tt.want)
		}
	}
}

func TestPagesElsewhereGetNothing(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	mustPost(t, c.URL()+"/a", pageForm)
	rebound := []string{"Host", "elsewhere.example.com"}
	for _, tt := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{http.MethodGet, "/", rebound, 421},
		{http.MethodGet, "/-/leads", rebound, 421},
		{http.MethodGet, "/-/leads/1", rebound, 421},
		{http.MethodGet, "/-/answers", []string{"Host", "127.0.0.1.elsewhere.example.com:8085"}, 421},
		{http.MethodPut, "/-/answers/a", rebound, 421},
		{http.MethodPut, "/-/answers/a", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{http.MethodPut, "/-/answers/a", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{http.MethodPut, "/-/answers/a", []string{"Origin", "http://elsewhere.example.com"}, 403},
		{http.MethodPut, "/-/answers/a", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{http.MethodPut, "/-/answers/a", []string{"Host", "localhost:8085"}, 200},
		{http.MethodPut, "/-/answers/a", []string{"Host", "[::1]:8085"}, 200},
		{http.MethodPut, "/-/answers/a", []string{"Host", "[::1]"}, 200},
		{http.MethodPut, "/-/answers/a", []string{"Host", "192.168.1.7"}, 200},
		{http.MethodOptions, "/-/answers/a", []string{"Origin", "http://elsewhere.example.com", "Access-Control-Request-Method", "PUT"}, 405},
	} {
		resp := begin(t, tt.method, c.URL()+tt.path, "healthy", tt.headers...)
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s %s: got %d, want %d", tt.method, tt.path, tt.headers, resp.StatusCode, tt.status)
		}
		for header := range resp.Header {
			if strings.HasPrefix(header, "Access-Control-") {
				t.Errorf("%s %s allows other pages: %s", tt.method, tt.path, header)
			}
		}
	}
}

func TestWithoutAPageNothingCanBeOrdered(t *testing.T) {
	c := startCRM(t, samplecrm.Options{})
	for _, path := range []string{"/", "/-/leads", "/-/answers"} {
		if status, _ := ask(t, http.MethodGet, c.URL()+path, ""); status != http.StatusMethodNotAllowed {
			t.Errorf("%s: got %d, want 405", path, status)
		}
	}
	if status, _ := ask(t, http.MethodPut, c.URL()+"/-/answers/a", "401"); status != http.StatusMethodNotAllowed {
		t.Errorf("PUT: got %d, want 405", status)
	}
}

func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	for path, media := range map[string]string{"/": "text/html", "/-/page.js": "text/javascript", "/-/page.css": "text/css"} {
		resp := begin(t, http.MethodGet, c.URL()+path, "")
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), media) || len(text) == 0 {
			t.Errorf("%s: got %d, %s, %d bytes", path, resp.StatusCode, resp.Header.Get("Content-Type"), len(text))
		}
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		for _, way := range []string{"http://", "https://", "//cdn", "innerHTML", "style="} {
			if strings.Contains(string(text), way) {
				t.Errorf("%s has %s", path, way)
			}
		}
	}
}

// A seen lead is what the stream says of it, as far as tests look.
type seen struct {
	Number                                                                                   int64
	Path, Trigger, Kind, Name, Phone, Email, About, Format, Delivery, Attempt, Fault, Answer string
	LeadID                                                                                   string `json:"lead_id"`
	Test, Taken                                                                              bool
}

type message struct {
	Leads []seen
	Paths []samplecrm.PathAnswer
}

// A stream reads what the page reads.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
}

func openStream(t *testing.T, c *samplecrm.CRM) stream {
	t.Helper()
	resp := begin(t, http.MethodGet, c.URL()+"/-/leads", "")
	if media := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || media != "text/event-stream" {
		t.Fatalf("the stream is %d %s", resp.StatusCode, media)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 16<<20)
	return stream{t, lines}
}

// next waits for the next message.
func (s stream) next() message {
	s.t.Helper()
	for s.lines.Scan() {
		if data, ok := strings.CutPrefix(s.lines.Text(), "data: "); ok {
			var m message
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				s.t.Fatal(err)
			}
			return m
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return message{}
}

func TestLeadsAreStreamedAsTheyCome(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	mustPost(t, c.URL()+"/json?key=1", pageForm, "webhook-attempt", "2")
	s := openStream(t, c)
	want := message{
		Leads: []seen{{Number: 1, Path: "/json", Trigger: "new_contact", Kind: "Web form", Name: "Maria Lopez", Phone: "555 0100",
			Email: "maria@example.com", About: "Still there?", Format: "JSON", LeadID: "1003", Delivery: "dlv_1", Attempt: "2", Answer: "204", Taken: true}},
		Paths: []samplecrm.PathAnswer{{Path: "/json", Answer: "healthy"}},
	}
	if diff := cmp.Diff(want, s.next()); diff != "" {
		t.Errorf("what is there at first (-want +got):\n%s", diff)
	}
	order(t, c, "/adf", "429")
	if diff := cmp.Diff([]samplecrm.PathAnswer{{Path: "/adf", Answer: "429 30s"}, {Path: "/json", Answer: "healthy"}}, s.next().Paths); diff != "" {
		t.Errorf("the paths (-want +got):\n%s", diff)
	}
	mustPost(t, c.URL()+"/adf", strings.Replace(adf, "<phone/>", "<email>zoe@example.com</email><phone/><phone>5550101</phone>", 1))
	want = message{Leads: []seen{{Number: 2, Path: "/adf", Trigger: "new_contact", Kind: "Phone call", Name: "Zoë Park", Phone: "5550101",
		Email: "zoe@example.com", About: "2024 Volvo XC40", Format: "ADF", LeadID: "1004", Delivery: "dlv_1", Attempt: "1", Test: true, Answer: "429, Retry-After 30"}}}
	if diff := cmp.Diff(want, s.next()); diff != "" {
		t.Errorf("the second lead (-want +got):\n%s", diff)
	}
	mustPost(t, c.URL()+"/json", "{")
	if l := s.next().Leads[0]; l.Fault != "the body is not JSON" || l.Answer != "400" || l.Taken {
		t.Errorf("what is no lead: got %+v", l)
	}
}

func TestTheRequestIsShownWithoutSecrets(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	mustPost(t, c.URL()+"/json?key=hush1", `{"lead":{"id":7}}`, "Authorization", "Bearer hush2", "X-API-Key", "hush3",
		"webhook-signature", "v1,c2hvd24=")
	status, text := ask(t, http.MethodGet, c.URL()+"/-/leads/1", "")
	for _, want := range []string{"POST /json?…\n", "Authorization: (not shown)\n", "X-Api-Key: (not shown)\n", "webhook-signature: v1,c2hvd24=\n",
		"Content-Type: application/json\n", "\n\n{\"lead\":{\"id\":7}}"} {
		if status != 200 || !strings.Contains(text, want) {
			t.Errorf("got %d, want %q in:\n%s", status, want, text)
		}
	}
	_, all := ask(t, http.MethodGet, c.URL()+"/-/answers", "")
	if strings.Contains(text+all, "hush") {
		t.Errorf("a secret shows:\n%s%s", text, all)
	}
	for _, number := range []string{"2", "0", "-1", "x", "99999999999999999999"} {
		if status, _ := ask(t, http.MethodGet, c.URL()+"/-/leads/"+number, ""); status != http.StatusNotFound {
			t.Errorf("lead %s: got %d, want 404", number, status)
		}
	}
}

func TestWhatThePageKeepsIsBounded(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	post := func(n, size int) {
		w := &discarded{header: http.Header{}}
		body := fmt.Sprintf(`{"lead":{"id":%d,"display_name":%q}}`, n, strings.Repeat("é", size))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.RequestURI = fmt.Sprintf("/path-%d", n)
		req.Header.Set("Content-Type", "application/json")
		c.ServeHTTP(w, req)
	}
	for n := range 599 {
		post(n, 1)
	}
	post(599, 50_000)
	first := openStream(t, c).next()
	if len(first.Leads) != 300 || first.Leads[0].Number != 301 || first.Leads[299].Number != 600 {
		t.Errorf("%d leads are kept, want the newest 300", len(first.Leads))
	}
	if name := first.Leads[299].Name; len(name) > 510 || !strings.HasSuffix(name, "é…") {
		t.Errorf("a name of %d bytes is shown as %d: %q", 100_000, len(name), name[max(0, len(name)-20):])
	}
	if len(first.Paths) != 500 {
		t.Errorf("%d paths are listed, want 500", len(first.Paths))
	}
	if status, _ := ask(t, http.MethodGet, c.URL()+"/-/leads/300", ""); status != http.StatusNotFound {
		t.Errorf("lead 300: got %d, want 404", status)
	}
	if _, text := ask(t, http.MethodGet, c.URL()+"/-/leads/600", ""); len(text) > 65<<10 || !strings.HasSuffix(text, " bytes in all") {
		t.Errorf("a request is shown with %d bytes, want 64 KiB and how many there are", len(text))
	}
	for n := range 500 { // each takes the place of a healthy one
		order(t, c, fmt.Sprintf("/broken-%d", n), "401")
	}
	if status, text := ask(t, http.MethodPut, c.URL()+"/-/answers/one-more", "401"); status != http.StatusConflict {
		t.Errorf("the 501st answer: got %d %s, want 409", status, text)
	}
	order(t, c, "/broken-7", "healthy")
	order(t, c, "/one-more", "401")
}

// discarded is a ResponseWriter for who does not look.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }
func (d *discarded) WriteHeader(int)             {}

func TestAReaderThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	for range 3 {
		begin(t, http.MethodGet, c.URL()+"/-/leads", "") // and never read
	}
	reader := openStream(t, c)
	for n := range 50 {
		mustPost(t, c.URL()+"/json", fmt.Sprintf(`{"lead":{"id":%d,"display_name":%q}}`, n, strings.Repeat("x", 1000)))
	}
	var got int64
	for got < 50 {
		leads := reader.next().Leads
		got = leads[len(leads)-1].Number
	}
	began := time.Now()
	c.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func TestStreamsAreLimited(t *testing.T) {
	c := startCRM(t, samplecrm.Options{Page: true})
	var open []*http.Response
	for range 32 {
		open = append(open, begin(t, http.MethodGet, c.URL()+"/-/leads", ""))
	}
	if status, text := ask(t, http.MethodGet, c.URL()+"/-/leads", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "32") {
		t.Errorf("the 33rd: got %d %s, want 503", status, text)
	}
	_ = open[0].Body.Close()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		resp := begin(t, http.MethodGet, c.URL()+"/-/leads", "")
		if resp.StatusCode == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no place became free")
		}
	}
}
