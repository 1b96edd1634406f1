package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

var nop = zap.NewNop()

func TestOnlyWebhooksThatWantTheLeadGetIt(t *testing.T) {
	crm := newCRM(t, answer(http.StatusOK))
	changed := func(id string, change func(*lead.Webhook)) *lead.Webhook {
		hook := webhook(id, crm.URL)
		change(hook)
		return hook
	}
	r := newRig(t, options(crm.URL), hooks{
		changed("all", func(*lead.Webhook) {}),
		changed("calls", func(w *lead.Webhook) { w.LeadTypes = lead.Calls }),
		changed("forms", func(w *lead.Webhook) { w.LeadTypes = lead.Forms | lead.Chats }),
		changed("known", func(w *lead.Webhook) { w.Trigger = lead.ExistingContact }),
		changed("off", func(w *lead.Webhook) { w.Active = false }),
		changed("off and not for it", func(w *lead.Webhook) { w.Active, w.LeadTypes = false, lead.Chats }),
	})
	m := message(call)
	r.handle(t, m)
	r.wantDelivered(t)

	ev, err := lead.Decode(m.Value)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, post := range crm.seen() {
		got = append(got, post.Get("Webhook-Id"))
	}
	want := []string{lead.DeliveryID(ev, "all"), lead.DeliveryID(ev, "calls")}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("deliveries differ (-want +got):\n%s", diff)
	}
	for outcome, want := range map[string]float64{"delivered": 2, "inactive": 1} {
		if got := r.count(t, "leadhook_deliveries_total", "json", outcome); got != want {
			t.Errorf("got %v %s, want %v", got, outcome, want)
		}
	}
	if got := r.count(t, "leadhook_lead_age_seconds"); got != 2 {
		t.Errorf("got the age of %v leads, want 2", got)
	}
}

func TestUnreadableEvents(t *testing.T) {
	for _, c := range []struct {
		value, advertiser string
		reason            lead.Reason
	}{
		{"hello", "", lead.NotJSON},
		{"\xff\xfe", "", lead.BadUTF8},
		{`{"trigger":"new_contact","lead":{"id":1,"event_type":"call"}}`, "", lead.NoAdvertiser},
		{`{"advertiser_id":"USA_1","trigger":"new","lead":{"id":1,"event_type":"call"}}`, "USA_1", lead.BadTrigger},
		{`{"advertiser_id":"USA_1","trigger":"new_contact","lead":{"id":0,"event_type":"call"}}`, "USA_1", lead.BadLeadID},
		{`{"advertiser_id":"USA_1","trigger":"new_contact","lead":{"id":1}}`, "USA_1", lead.NoEventType},
		{`{"advertiser_id":"` + strings.Repeat("x", 1000) + `"}`, "", lead.TooLarge},
	} {
		t.Run(string(c.reason), func(t *testing.T) {
			r := newRig(t, dispatch.Options{MaxEventBytes: 1000}, hooksFunc(
				func(context.Context, string) ([]*lead.Webhook, error) { panic("an unreadable event has no webhooks") }))
			m := message(call)
			m.Value = []byte(c.value)
			r.handle(t, m)
			letter := r.onlyLetter(t)
			if letter.Error == "" {
				t.Error("got no words, want why it cannot be read")
			}
			letter.Error = ""
			want := &lead.DeadLetter{Message: *m, Reason: c.reason, History: lead.History{Advertiser: c.advertiser, Received: m.Time}}
			if diff := cmp.Diff(want, letter); diff != "" {
				t.Errorf("the dead letter differs (-want +got):\n%s", diff)
			}
			if got := r.count(t, "leadhook_events_total", "unreadable"); got != 1 {
				t.Errorf("got %v counted as unreadable, want 1", got)
			}
		})
	}
}

func TestARecordThatWasTooLargeToBeRead(t *testing.T) {
	r := newRig(t, dispatch.Options{}, hooksFunc(
		func(context.Context, string) ([]*lead.Webhook, error) { panic("an unreadable event has no webhooks") }))
	m := message(call)
	m.Value, m.Omitted = nil, 300<<20
	r.handle(t, m)
	letter := r.onlyLetter(t)
	if letter.Reason != lead.TooLarge || !strings.Contains(letter.Error, "314572800 bytes") || !strings.Contains(letter.Error, "kafka.max_unpacked_bytes") {
		t.Errorf("got the reason %s, %q; want %s, with its size and the setting", letter.Reason, letter.Error, lead.TooLarge)
	}
}

func TestNobodysEvents(t *testing.T) {
	r := newRig(t, dispatch.Options{}, hooks{})
	r.handle(t, message(call))
	r.handle(t, message(`{"id":1,"event_type":"sms"}`))
	r.wantDelivered(t)
	for _, outcome := range []string{"unwanted", "unknown_type"} {
		if got := r.count(t, "leadhook_events_total", outcome); got != 1 {
			t.Errorf("got %v events %s, want 1", got, outcome)
		}
	}
}

func TestLookUpIsCutByTheContext(t *testing.T) {
	r := newRig(t, dispatch.Options{}, hooksFunc(func(ctx context.Context, advertiser string) ([]*lead.Webhook, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("redis is away: %w", ctx.Err())
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := r.Handle(ctx, message(call), func(int) {})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "USA_1") {
		t.Errorf("got %v, want the cause and the advertiser", err)
	}
	r.wantDelivered(t)
}

// askedLedger calls asked before each claim.
type askedLedger struct {
	*ledger
	asked func()
}

func (l askedLedger) Claim(ctx context.Context, leadID, delivery string, own lead.Mark) (lead.Claim, error) {
	l.asked()
	return l.ledger.Claim(ctx, leadID, delivery, own)
}

func TestStartedIsSaidBetweenClaimAndAttempt(t *testing.T) {
	var started atomic.Bool
	crm := newCRM(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		if !started.Load() {
			t.Error("the lead was attempted before it had started")
		}
		w.WriteHeader(http.StatusOK)
	})
	lookUp := hooksFunc(func(context.Context, string) ([]*lead.Webhook, error) {
		if started.Load() {
			t.Error("the lead had started before its webhooks were looked up")
		}
		return hooks{webhook("w", crm.URL)}, nil
	})
	marks := askedLedger{&ledger{tells: true}, func() {
		if started.Load() {
			t.Error("the lead had started before it was claimed")
		}
	}}
	r := newRigWith(t, options(crm.URL), lookUp, marks)
	r.ledger = marks.ledger
	if err := r.Handle(t.Context(), message(call), func(int) { started.Store(true) }); err != nil {
		t.Fatal(err)
	}
	r.wantDelivered(t)
}

func TestStartedIsSaidWhenALeadWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := waiting()
		opts.Attempt.MaxInFlight = 1
		r := newRig(t, opts, oneHook)
		answers := make(chan struct{})
		r.SetTransport(roundTrip(func(*http.Request) (*http.Response, error) {
			<-answers
			return status(http.StatusOK)
		}))
		var started atomic.Int64
		var leads sync.WaitGroup
		for _, m := range []*lead.Message{messageOf("USA_1", 1), messageOf("USA_1", 2)} {
			leads.Go(func() {
				if err := r.Handle(t.Context(), m, func(int) { started.Add(1) }); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := started.Load(); n != 2 {
			t.Errorf("%d leads have started, want 2: one is attempted, and one waits for that", n)
		}
		close(answers)
		leads.Wait()
	})
}

func TestDamagedWebhooksStopAlone(t *testing.T) {
	crm := newCRM(t, answer(http.StatusOK))
	broken := webhook("broken", crm.URL)
	broken.Damaged, broken.Format = "its stored record is not JSON", "what it said"
	badURL := webhook("bad url", crm.URL+"/%zz?token=s3cret")
	blank := webhook("blank", crm.URL+"/a b")
	badSecret := webhook("bad secret", crm.URL)
	badSecret.SigningSecrets = []lead.Secret{"whsec_!s3cret"}
	r := newRig(t, options(crm.URL), hooks{broken, badURL, blank, badSecret, webhook("sound", crm.URL)})
	r.handle(t, message(call))
	if got := len(crm.seen()); got != 1 {
		t.Errorf("got %d POSTs, want that of the sound webhook", got)
	}
	got := map[string]string{}
	for _, letter := range r.letters.all() {
		if letter.Reason != lead.WebhookDamaged || letter.Attempts != 0 || letter.Evidence != "" {
			t.Errorf("got %s after %d attempts (%s), want webhook_damaged after none",
				letter.Reason, letter.Attempts, letter.Evidence)
		}
		got[letter.Webhook] = letter.Error
	}
	want := map[string]string{
		"broken":     "its stored record is not JSON",
		"bad url":    "the URL of the webhook is not valid; seed the webhook again",
		"blank":      "the URL of the webhook is not valid; seed the webhook again",
		"bad secret": "a signing secret must be whsec_ and then base64; seed the webhook again",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dead letters differ (-want +got):\n%s", diff)
	}
	if got := r.count(t, "leadhook_deliveries_total", "unknown", "webhook_damaged"); got != 1 {
		t.Errorf("got %v counted with an unknown format, want 1", got)
	}
}

func TestDeadLetterIsComplete(t *testing.T) {
	crm := newCRM(t, answer(http.StatusUnprocessableEntity))
	r := newRig(t, options(crm.URL), hooks{webhook("84+TEST_1", crm.URL)})
	m := message(call)
	m.Headers = []lead.Header{{Key: "origin", Value: []byte("web")}, {Key: "leadhook.replays", Value: []byte("9")}}
	began := time.Now()
	r.handle(t, m)
	letter := r.onlyLetter(t)
	for _, at := range []time.Time{letter.FirstAttempt, letter.LastAttempt} {
		if at.Before(began) || at.After(time.Now()) {
			t.Errorf("got an attempt at %v, want it between %v and now", at, began)
		}
	}
	letter.FirstAttempt, letter.LastAttempt = time.Time{}, time.Time{}
	want := &lead.DeadLetter{
		Message: *m, Reason: lead.Refused,
		History: lead.History{
			Error:      "the CRM answered 422 Unprocessable Entity",
			Host:       strings.TrimPrefix(crm.URL, "http://"),
			Advertiser: "USA_1", Webhook: "84+TEST_1", Delivery: crm.seen()[0].Get("Webhook-Id"),
			Attempts: 1, Status: 422, Evidence: lead.Answered, Received: m.Time,
		},
	}
	if diff := cmp.Diff(want, letter); diff != "" {
		t.Errorf("the dead letter differs (-want +got):\n%s", diff)
	}
}

// TestPanicEndsOneDeliveryOnly has a transport that panics for one CRM.
func TestPanicEndsOneDeliveryOnly(t *testing.T) {
	r := newRig(t, dispatch.Options{Attempt: attempt.Options{MaxInFlight: 1}}, hooks{
		webhook("a", "https://a.example.com/"), webhook("bad", "https://bad.example.com/"), webhook("c", "https://c.example.com/"),
	})
	r.SetTransport(roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "bad.example.com" {
			panic("Erika Mustermann, 309-555-0100")
		}
		return status(http.StatusOK)
	}))
	for range 3 { // a slot that a panic kept would stop everything
		r.handle(t, message(call))
	}
	if got := r.count(t, "leadhook_deliveries_total", "json", "delivered"); got != 6 {
		t.Errorf("got %v delivered, want 6", got)
	}
	for _, letter := range r.letters.all() {
		if letter.Reason != lead.Internal || letter.Webhook != "bad" || letter.Attempts != 1 ||
			letter.Evidence != lead.MaybeReceived {
			t.Errorf("got %s for webhook %s after %d attempts, %s; want internal for bad after 1, maybe_received",
				letter.Reason, letter.Webhook, letter.Attempts, letter.Evidence)
		}
		if !strings.Contains(letter.Error, "panicked (string) at") ||
			!strings.Contains(letter.Error, "TestPanicEndsOneDeliveryOnly") || strings.Contains(letter.Error, "Erika") {
			t.Errorf("got %q, want the kind of panic and its place, but not its value", letter.Error)
		}
	}
	r.wantNoSecret(t, "Erika")
}

func TestPanicEndsOneEventOnly(t *testing.T) {
	r := newRig(t, dispatch.Options{}, hooksFunc(func(context.Context, string) ([]*lead.Webhook, error) {
		return []*lead.Webhook{nil}, nil
	}))
	m := message(call)
	r.handle(t, m)
	letter := r.onlyLetter(t)
	if letter.Reason != lead.Internal || letter.Webhook != "" || !strings.Contains(letter.Error, "runtime.") {
		t.Errorf("got %s, webhook %q: %q; want internal, none, a runtime error", letter.Reason, letter.Webhook, letter.Error)
	}
	if diff := cmp.Diff(*m, letter.Message); diff != "" {
		t.Errorf("the message changed (-want +got):\n%s", diff)
	}
	if got := r.count(t, "leadhook_events_total", "internal"); got != 1 {
		t.Errorf("got %v counted as internal, want 1", got)
	}
	if r.logs.FilterLevelExact(zap.ErrorLevel).FilterFieldKey("stack").Len() != 1 {
		t.Error("got no line with the stack, want one")
	}
}

// wantNoSecret looks for something in all that was logged.
func (r *rig) wantNoSecret(t *testing.T, secrets ...string) {
	t.Helper()
	for _, entry := range r.logs.All() {
		line := fmt.Sprint(entry.Message, entry.ContextMap())
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				t.Errorf("got %q in the log: %s", secret, line)
			}
		}
	}
}

func TestLogsNameIDsOnly(t *testing.T) {
	crm := newCRM(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader([]int{503, 200, 400}[n-1])
	})
	hook := webhook("w", crm.URL+"/s3cret?token=s3cret")
	hook.Authorization, hook.SigningSecrets = "s3cret", []lead.Secret{"whsec_czNjcmV0"}
	hook.Headers = map[string]lead.Secret{"X-Token": "s3cret"}
	r := newRig(t, options(crm.URL), hooks{hook})
	r.handle(t, message(call))
	r.handle(t, message(call))
	r.wantNoSecret(t, "s3cret", "3095550100", "czNjcmV0", "/s3")
	var got []string
	for _, entry := range r.logs.All() {
		got = append(got, entry.Level.String()+" "+entry.Message)
	}
	want := []string{"info attempt failed; quick retry follows", "debug delivered", "warn dead letter"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log lines differ (-want +got):\n%s", diff)
	}
}
