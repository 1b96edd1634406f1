package dispatch_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
)

// dated is a lead that is the same at any time.
const dated = `{"id":4711,"event_type":"call","occured_at":"2026-11-23T16:12:09Z"}`

// try makes a trial of a call.
func try(t *testing.T, opts dispatch.Options, hook *lead.Webhook) *dispatch.TrialReport {
	t.Helper()
	trial := newTrial(t, opts, hook)
	report, err := trial.Send(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func newTrial(t *testing.T, opts dispatch.Options, hook *lead.Webhook) *dispatch.Trial {
	t.Helper()
	ev, err := lead.Decode(message(dated).Value)
	if err != nil {
		t.Fatal(err)
	}
	trial, err := dispatch.NewTrial(opts, ev, hook)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trial.Close)
	return trial
}

// crmServer is a CRM that a test writes itself.
func crmServer(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	crm := httptest.NewServer(answer)
	crm.Config.ErrorLog = quiet
	t.Cleanup(crm.Close)
	return crm
}

func TestATrialIsSentAsADelivery(t *testing.T) {
	type post struct {
		path, body string
		header     http.Header
	}
	posts := make(chan post, 2)
	crm := crmServer(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts <- post{r.RequestURI, string(body), r.Header}
	})
	for _, format := range []lead.Format{lead.JSON, lead.ADF} {
		hook := webhook("w", crm.URL+"/A%2fb/?token=x")
		hook.Format, hook.Authorization, hook.Headers = format, "token jokin", map[string]lead.Secret{"X-Dealer": "7"}
		newRig(t, options(crm.URL), hooks{hook}).handle(t, message(dated))
		want := <-posts

		inactive := *hook
		inactive.Active, inactive.Disabled = false, lead.Disabled{At: time.Now(), Reason: lead.Gone}
		report := try(t, options(crm.URL), &inactive)
		got := <-posts
		for _, p := range []post{want, got} {
			p.header.Del("Webhook-Timestamp")
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(post{})); diff != "" {
			t.Errorf("%s: delivery (-), trial (+):\n%s", format, diff)
		}
		if report.Delivery != got.header.Get("Webhook-Id") || string(report.Body) != got.body || report.URL != hook.URL {
			t.Errorf("%s: got delivery %s, URL %s and body %q in the report, %s was sent", format, report.Delivery, report.URL, report.Body, got.body)
		}
	}
}

func TestATrialTellsWhatWouldComeOfADelivery(t *testing.T) {
	first := dispatch.DefaultSchedule()[0]
	for _, tc := range []struct {
		status     int
		retryAfter string
		verdict    string
		quick      bool
		wait       time.Duration
		dead       lead.Reason
	}{
		{204, "", "delivered", false, 0, ""},
		{500, "", "transient", true, first, ""},
		{429, "120", "transient", false, 2 * time.Minute, ""},
		{503, "", "transient", true, first, ""},
		{401, "", "needs_human", false, first, ""},
		{410, "", "gone", false, 0, lead.Gone},
		{301, "", "refused", false, 0, lead.Refused},
		{422, "", "refused", false, 0, lead.Refused},
	} {
		crm := crmServer(t, func(w http.ResponseWriter, _ *http.Request) {
			if tc.retryAfter != "" {
				w.Header().Set("Retry-After", tc.retryAfter)
			}
			w.WriteHeader(tc.status)
		})
		got := try(t, options(crm.URL), webhook("w", crm.URL))
		if got.Status != tc.status || got.Verdict != tc.verdict || got.QuickRetry != tc.quick || got.Wait != tc.wait || got.Dead != tc.dead {
			t.Errorf("%d: got %s, %d, quick retry %v, wait %v, dead %q; want %+v",
				tc.status, got.Verdict, got.Status, got.QuickRetry, got.Wait, got.Dead, tc)
		}
		if (got.Error == "") != (tc.verdict == "delivered") || (got.Evidence == "") != (tc.verdict == "delivered") {
			t.Errorf("%d: got error %q and evidence %q", tc.status, got.Error, got.Evidence)
		}
		if n := got.Network; n.Address != strings.TrimPrefix(crm.URL, "http://") || n.Connect <= 0 || n.FirstByte <= 0 ||
			n.Total < n.Connect+n.FirstByte || n.TLS != 0 || n.DNS != 0 || n.Certificate != nil {
			t.Errorf("%d: got network %+v", tc.status, n)
		}
	}
}

func TestATrialKeepsTheHeadOfTheAnswer(t *testing.T) {
	answer := strings.Repeat("0123456789", 10_000)
	crm := crmServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
	if got := try(t, options(crm.URL), webhook("w", crm.URL)); string(got.Head) != answer[:4096] || got.Protocol != "HTTP/1.1" {
		t.Errorf("got %d bytes of %s, want the first 4096", len(got.Head), got.Protocol)
	}
}

func TestATrialSeesTheCertificate(t *testing.T) {
	for _, expired := range []bool{false, true} {
		until := time.Now().Add(time.Hour)
		if expired {
			until = time.Now().Add(-time.Minute)
		}
		pair, parsed := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour), until)
		crm := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		crm.Config.ErrorLog, crm.TLS, crm.EnableHTTP2 = quiet, &tls.Config{Certificates: []tls.Certificate{pair}}, true
		crm.StartTLS()
		t.Cleanup(crm.Close)
		opts := options(crm.URL)
		opts.Attempt.RootCAs = pool(parsed)
		got := try(t, opts, webhook("w", crm.URL))
		if n := got.Network; n.Certificate == nil || !bytes.Equal(n.Certificate.Raw, parsed.Raw) || n.TLS <= 0 {
			t.Errorf("expired %v: got network %+v, want the certificate", expired, n)
		}
		switch {
		case expired && (got.Verdict != "needs_human" || got.Evidence != lead.NotSent || !strings.Contains(got.Error, "expired")):
			t.Errorf("expired: got %s, %s, %q", got.Verdict, got.Evidence, got.Error)
		case !expired && (got.Status != http.StatusOK || got.Protocol != "HTTP/2.0" || got.Network.TLSVersion != "TLS 1.3"):
			t.Errorf("good: got %d over %s and %s: %s", got.Status, got.Protocol, got.Network.TLSVersion, got.Error)
		}
	}
}

func TestATrialIsGuarded(t *testing.T) {
	crm := crmServer(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	opts := options(crm.URL)
	opts.Attempt.Guard.AllowCIDRs = nil
	for _, url := range []string{crm.URL, strings.Replace(crm.URL, "127.0.0.1", "localhost", 1)} {
		got := try(t, opts, webhook("w", url))
		if got.Verdict != "needs_human" || got.Evidence != lead.NotSent || !strings.Contains(got.Error, "is loopback: refused") {
			t.Errorf("%s: got %s, %s, %q", url, got.Verdict, got.Evidence, got.Error)
		}
		if byName := strings.Contains(url, "localhost"); (got.Blocked == nil) != byName {
			t.Errorf("%s: got blocked %v before it was dialled", url, got.Blocked)
		}
	}
}

func TestTheEndOfItsContextCutsATrial(t *testing.T) {
	asked, done := make(chan struct{}), make(chan struct{})
	for _, begun := range []bool{false, true} { // before the answer, and in the middle of it
		crm := crmServer(t, func(w http.ResponseWriter, _ *http.Request) {
			if begun {
				_, _ = io.WriteString(w, "begun")
				_ = http.NewResponseController(w).Flush()
			}
			asked <- struct{}{}
			<-done
		})
		opts := options(crm.URL)
		opts.Attempt.Timeout = time.Minute
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-asked; cancel(errors.New("Ctrl-C")) }()
		began := time.Now()
		_, err := newTrial(t, opts, webhook("w", crm.URL)).Send(ctx)
		if err == nil || !strings.Contains(err.Error(), "Ctrl-C") || time.Since(began) > 10*time.Second {
			t.Errorf("got %v after %v, want that it was interrupted, at once", err, time.Since(began))
		}
		done <- struct{}{}
	}
}

func TestNoTrialOfADamagedWebhook(t *testing.T) {
	unsigned := webhook("w", "https://crm.example.com/")
	unsigned.SigningSecrets = []lead.Secret{"hush"}
	for _, hook := range []*lead.Webhook{{ID: "w", Damaged: "it cannot be used"}, unsigned} {
		_, err := dispatch.NewTrial(dispatch.Options{}, &lead.Event{}, hook)
		if err == nil || !strings.HasPrefix(err.Error(), "webhook w: ") || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v, want what is wrong with it", err)
		}
	}
}

func TestWithoutRetriesAFailureIsDead(t *testing.T) {
	crm := crmServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	opts := options(crm.URL)
	opts.Schedule = []time.Duration{}
	if got := try(t, opts, webhook("w", crm.URL)); got.Dead != lead.Exhausted || got.Wait != 0 || got.QuickRetry {
		t.Errorf("got dead %q, wait %v, quick retry %v; want exhausted at once", got.Dead, got.Wait, got.QuickRetry)
	}
}
