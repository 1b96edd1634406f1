package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/lead"
)

func TestATestLeadReachesTheCRM(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	h := r.hook("crm", r.name("USA_1"))
	h.Event, h.LeadTypes, h.Format, h.Active = "existing_contact", []string{"chats", "forms"}, "adf", false
	r.seed(h)
	got := r.must("", "webhooks", "test", h.ID)
	if !containsAll(got, "webhook   "+h.ID+" of "+h.Advertiser, "note      inactive", "real leads are not sent to it",
		"request   POST "+h.URL, "webhook-test: true", "webhook-trigger: existing_contact", "TEST LEAD", "<service>Chat</service>",
		"address   "+r.crmAddr, "time      connect ", "Your CRM answered 204 No Content: it took the test lead.\n",
		"A real lead would be delivered.\n") || strings.Contains(got, "would not get this lead") {
		t.Errorf("got\n%s", got)
	}
	got = r.must("", "webhooks", "test", h.ID, "--type", "call", "--trigger", "new_contact")
	if !containsAll(got, "note      it would not get this lead: it takes leads of the trigger existing_contact", "<service>Phone call</service>") {
		t.Errorf("a lead that it does not want: got\n%s", got)
	}
	posts := r.crm.Posts()
	if len(posts) != 2 || posts[0].Header.Get("Webhook-Id") == posts[1].Header.Get("Webhook-Id") {
		t.Fatalf("got %d POSTs, want two deliveries", len(posts))
	}
	for _, post := range posts {
		if post.Header.Get("Webhook-Test") != "true" || !bytes.Contains(post.Body, []byte("TEST LEAD")) {
			t.Errorf("not marked as a test: %v\n%s", post.Header, post.Body)
		}
	}
}

func TestATestLeadThatIsNotTaken(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer})
	h := r.hook("crm", r.name("USA_1"))
	for _, tc := range []struct {
		auth   string
		answer samplecrm.Answer
		want   []string
	}{
		{"token hushhush", answerOf(401), []string{"Your CRM answered 401 Unauthorized: the Authentication Header was not accepted.\n",
			"A real lead would be tried again after 200ms, then after longer and longer waits; it would become a dead letter after 72h. This test has changed nothing.\n"}},
		{"", answerOf(401), []string{"it wants an Authentication Header, and the webhook has none"}},
		{"", answerOf(410), []string{"410 Gone", "would set the webhook inactive. This test has changed nothing.\n"}},
		{"", answerOf(302), []string{"points to another URL", "would become a dead letter at once"}},
		{"", answerOf(422), []string{"expects the Payload Format, json"}},
		{"", answerOf(500), []string{"a fault of its own", "tried again within seconds, then after 200ms"}},
		{"", samplecrm.Answer{Status: 429, Header: http.Header{"Retry-After": {"7200"}}}, []string{"too many requests", "tried again after 2h,"}},
		{"", samplecrm.Answer{Never: true}, []string{"gave no answer: no answer within 1s. It may have the test lead nonetheless."}},
	} {
		h.Auth = tc.auth
		r.seed(h)
		crm.on(h, tc.answer)
		environ := r.environ
		if tc.answer.Never {
			r.environ = append(r.environ[:len(r.environ):len(r.environ)], "LEADHOOK_HTTP_TIMEOUT=1s", "LEADHOOK_HTTP_CONNECT_TIMEOUT=1s")
		}
		got := r.leadhook("", "webhooks", "test", h.ID)
		r.environ = environ
		if got.code != exitFailed || got.errs != "" || !containsAll(got.out, tc.want...) || strings.Contains(got.out, "hushhush") {
			t.Errorf("%+v: got exit code %d, want 1 and %q:\n%s%s", tc.answer, got.code, tc.want, got.out, got.errs)
		}
	}
	if got := r.must("", "webhooks", "show", h.ID, "-o", "json"); !strings.Contains(got, `"state":"active"`) {
		t.Errorf("after the tests, 410 among them: got %s, want it active", got)
	}
	if got := r.leadhook("", "webhooks", "test", "no-such"); got.code != exitFailed || !strings.Contains(got.errs, "no such webhook") {
		t.Errorf("an unknown id: got exit code %d, want 1 and why:\n%s", got.code, got.errs)
	}
}

// TestATestShowsNoSecret has a CRM that sends back all that it gets.
func TestATestShowsNoSecret(t *testing.T) {
	t.Parallel()
	echo := func(p samplecrm.Post) samplecrm.Answer {
		var all strings.Builder
		_ = p.Header.Write(&all)
		return samplecrm.Answer{Status: 400, Body: "\x1b[2J" + all.String() + strings.Repeat("x", 500) + p.Header.Get("Authorization")}
	}
	r := newRig(t, setup{answer: echo})
	h := r.hook("crm", r.name("USA_1"))
	h.URL += "/hush-path?key=hush-query"
	h.Auth, h.Headers = "Bearer hush-token", map[string]string{"X-Dealer": "hush-dealer", "Accept": "text/plain"}
	h.Secrets = []string{"whsec_aHVzaC1zaWduaW5nLTAxMjM0NTY3ODlhYmNkZWZnaGk="}
	r.seed(h)
	for _, output := range []string{"table", "json", "yaml"} {
		for _, print := range [][]string{nil, {"--print"}} {
			args := append([]string{"webhooks", "test", h.ID, "-o", output}, print...)
			got := r.leadhook("", args...)
			if strings.Contains(got.out, "hush") || strings.ContainsRune(got.out, '\x1b') || !containsAll(got.out, "/***?***", "Authorization", "***", "text/plain", "v1,") {
				t.Errorf("leadhook %s: a secret shows, or a control character, or not what is none:\n%s", strings.Join(args, " "), got.out)
			}
			shown := r.leadhook("", append(args, "--show-secrets")...)
			if !containsAll(shown.out, "/hush-path?key=hush-query", "Bearer hush-token", "hush-dealer") {
				t.Errorf("leadhook %s --show-secrets: got\n%s", strings.Join(args, " "), shown.out)
			}
		}
	}
}

func TestPrintSendsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	h := r.hook("crm", r.name("USA_1"))
	r.seed(h)
	if got := r.must("", "webhooks", "test", h.ID, "--print"); !containsAll(got, "Content-Type: application/json", `{"lead": {"archived_at":`, "\nnothing was sent\n") {
		t.Errorf("got\n%s", got)
	}
	var view webhooks.TrialView
	if err := json.Unmarshal([]byte(r.must("", "webhooks", "test", h.ID, "--print", "-o", "json")), &view); err != nil ||
		view.Result != nil || view.Refusal != "" || !json.Valid([]byte(view.Request.Body)) {
		t.Errorf("got error %v and %+v", err, view)
	}
	r.environ = append(r.environ, "LEADHOOK_HTTP_ALLOW_CIDRS=10.0.0.0/8")
	if got := r.must("", "webhooks", "test", h.ID, "--print"); !strings.Contains(got, "refused   address 127.0.0.1 is loopback") {
		t.Errorf("an address that is never called: got\n%s", got)
	}
	if n := len(r.crm.Posts()); n != 0 {
		t.Errorf("the CRM got %d POSTs", n)
	}
}

func TestALeadOfOnesOwnIsSentAsATest(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	h, other := r.hook("crm", r.name("USA_1")), r.hook("other", r.name("USA_2"))
	r.seed(h, other)
	in := event(h.Advertiser, "new_lead", "sms", 4711)
	got := r.must(in, "webhooks", "test", h.ID, "--file", "-")
	if !containsAll(got, "it would not get this lead: no webhook takes leads of this event_type", "webhook-test: true", `"event_type":"sms","contact":{"first_name":"Ada"}}}`) {
		t.Errorf("got\n%s", got)
	}
	posts := r.crm.Posts()
	published, _ := lead.Decode([]byte(in))
	if len(posts) != 1 || bytes.Contains(posts[0].Body, []byte("4711")) || posts[0].Header.Get("Webhook-Id") == lead.DeliveryID(published, h.ID) {
		t.Errorf("a CRM could take it for the real lead: %+v", posts)
	}
	for _, tc := range []struct{ in, id, want string }{
		{in, other.ID, "who must not see it"},
		{`{"hush":1}`, h.ID, "standard input: the event would be refused (no_advertiser)"},
	} {
		got := r.leadhook(tc.in, "webhooks", "test", tc.id, "--file", "-")
		if got.code != exitFailed || got.out != "" || !strings.Contains(got.errs, tc.want) || strings.Contains(got.errs, "hush") {
			t.Errorf("got exit code %d, want 1 and %q:\n%s%s", got.code, tc.want, got.out, got.errs)
		}
	}
	if got := r.leadhook(in, "webhooks", "test", h.ID, "--file", "-", "--type", "call"); got.code != exitUsage {
		t.Errorf("--file and --type: got exit code %d, want 2", got.code)
	}
}

func TestATestShowsTheCertificate(t *testing.T) {
	t.Parallel()
	crm := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	crm.Config.ErrorLog = log.New(io.Discard, "", 0)
	crm.StartTLS()
	t.Cleanup(crm.Close)
	r := newRig(t, setup{crm: strings.TrimPrefix(crm.URL, "https://")})
	h := r.hook("crm", r.name("USA_1"))
	h.URL = crm.URL + "/leads"
	r.seed(h)
	certificate := crm.Certificate()
	facts := []string{"certificate for example.com", "127.0.0.1", "issued by ", "expires " + certificate.NotAfter.UTC().Format(time.DateOnly)}
	got := r.leadhook("", "webhooks", "test", h.ID)
	if got.code != exitFailed || !containsAll(got.out, append(facts, "is self-signed")...) {
		t.Errorf("a certificate that is refused: got exit code %d and\n%s", got.code, got.out)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	r.environ = append(r.environ, "LEADHOOK_HTTP_CA_FILE="+file)
	if got := r.must("", "webhooks", "test", h.ID); !containsAll(got, append(facts, "tls       TLS 1.3, ", "TLS ", " ms, first byte ")...) {
		t.Errorf("one that is trusted: got\n%s", got)
	}
}
