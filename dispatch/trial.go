package dispatch

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// A Trial is one attempt at one event for one webhook, for a person who wants to
// see the result. The event is rendered, guarded and sent as by a [Dispatcher],
// once, and nothing is changed: nothing is counted, recorded or retried, and the
// health of the webhook stays as it is. The webhook need not be active, nor
// want the event.
type Trial struct {
	opts    Options
	client  *attempt.Client
	url     string
	body    formats.Body
	request attempt.Request
}

// NewTrial prepares a trial, which must be closed; nothing is sent. The error
// means that the webhook is damaged. The event should be a test lead
// ([lead.Event.AsTest]): a CRM would take an event with the lead.id of a real lead
// for that lead.
func NewTrial(opts Options, ev *lead.Event, hook *lead.Webhook) (*Trial, error) {
	if hook.Damaged != "" {
		return nil, fmt.Errorf("webhook %s: %s", hook.ID, hook.Damaged)
	}
	if ev.Received.IsZero() { // it was not published
		now := *ev
		now.Received, ev = time.Now(), &now
	}
	opts = opts.withDefaults()
	client := attempt.NewClient(opts.Attempt)
	target, err := client.Target(hook)
	if err != nil {
		return nil, fmt.Errorf("webhook %s: %w", hook.ID, err)
	}
	t := &Trial{opts: opts, client: client, url: hook.URL, body: formats.Render(ev, hook, opts.Provider)}
	t.request = attempt.Request{
		Target: target, DeliveryID: lead.DeliveryID(ev, hook.ID), Number: 1, Trigger: ev.Trigger, Test: ev.Test, Lead: ev.Lead,
		ContentType: t.body.ContentType, Body: t.body.Parts[:],
	}
	return t, nil
}

// A TrialRequest is what a [Trial] sends. Header and URL show secrets.
type TrialRequest struct {
	URL      string
	Header   http.Header
	Body     []byte
	Delivery string // the delivery id, which is also the field webhook-id

	// Blocked is why leadhook must not call the URL; nil: it may, unless the
	// address to which the name leads is refused.
	Blocked error
}

// Request returns what would be sent at the given time.
func (t *Trial) Request(at time.Time) TrialRequest {
	r := t.request
	r.Time = at
	return TrialRequest{
		URL: t.url, Header: r.Header(), Body: t.body.Bytes(),
		Delivery: r.DeliveryID, Blocked: r.Target.Blocked(),
	}
}

// A TrialReport is the result of a [Trial], and what would follow for a real delivery.
type TrialReport struct {
	TrialRequest

	Verdict  string        // delivered, transient, needs_human, gone or refused
	Status   int           // zero if there was no answer
	Evidence lead.Evidence // whether the CRM may have the lead after a failure; empty if it was delivered
	Error    string        // in plain words and without secrets; empty if it was delivered
	Why      string        // the part of Error that tells more than the status: who answered, where it leads; empty if nothing does
	Rule     string        // which of the webhook's rules for answers decided; empty if none did
	Doubt    bool          // delivered, although the answer plainly says failure

	QuickRetry bool          // whether a real delivery would be retried within seconds
	Wait       time.Duration // how long it would then wait for the next attempt; zero if there was none
	Dead       lead.Reason   // why it would be a dead letter at once; empty if it would not

	attempt.Kept
	attempt.Observation
}

// Send makes the attempt and blocks until it has ended, for at most
// [attempt.Options.Timeout]. The end of ctx ends it at once; only then is there an
// error, which wraps the cause of ctx and tells if the CRM may have the lead.
func (t *Trial) Send(ctx context.Context) (*TrialReport, error) {
	r := t.request
	r.Time = time.Now()
	report := &TrialReport{TrialRequest: t.Request(r.Time)}
	o, seen := t.client.Observe(ctx, &r)
	if ctx.Err() != nil {
		return nil, interrupted(ctx, o)
	}
	t.fill(report, &o, seen)
	return report, nil
}

// Judge returns what a recorded answer to the request would count as, and what would
// follow: see [attempt.Request.Judge]. Nothing is sent.
func (t *Trial) Judge(recorded []byte) (*TrialReport, error) {
	o, seen, err := t.request.Judge(recorded)
	if err != nil {
		return nil, err
	}
	report := &TrialReport{}
	t.fill(report, &o, seen)
	return report, nil
}

// fill fills in the result of a trial.
func (t *Trial) fill(report *TrialReport, o *attempt.Outcome, seen *attempt.Observation) {
	report.Observation = *seen
	report.Verdict, report.Status, report.Evidence, report.Error, report.Why = o.Verdict.String(), o.Status, o.Evidence, o.Text, o.Why
	report.Rule, report.Doubt, report.Kept = o.Rule, o.Doubt, o.Kept
	wait, more := scheduledWait(t.opts.Schedule, 0, o)
	switch {
	case o.Verdict == attempt.Delivered:
	case o.Final() || !more:
		report.Dead = o.Reason()
	default:
		report.QuickRetry, report.Wait = o.QuickRetry() && t.opts.QuickAttempts > 1, wait
	}
}

func interrupted(ctx context.Context, o attempt.Outcome) error {
	if o.Evidence == lead.NotSent {
		return fmt.Errorf("interrupted before the lead was sent: %w", context.Cause(ctx))
	}
	return fmt.Errorf("interrupted; the CRM may have the lead: %w", context.Cause(ctx))
}

// Close closes the connections.
func (t *Trial) Close() { t.client.Close() }
