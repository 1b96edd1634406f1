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

// A Trial is one attempt at one event for one webhook, to see what comes of it.
// It is rendered, guarded and sent as a [Dispatcher] does, once, and leaves no
// trace: nothing is counted, remembered or tried again, and the webhook's
// health stays as it is. Over https it is made by net/http, as the first one to
// a host always is. Whether the webhook is active, or wants the event, is not
// asked.
type Trial struct {
	opts   Options
	client *attempt.Client
	dl     *delivery
}

// NewTrial makes a trial ready; nothing is sent. The error is that of a damaged
// webhook. The event should be a test lead ([lead.Event.AsTest]): a CRM
// takes one with the lead.id of a real lead for that lead.
func NewTrial(opts Options, ev *lead.Event, hook *lead.Webhook) (*Trial, error) {
	if hook.Damaged != "" {
		return nil, fmt.Errorf("webhook %s: %s", hook.ID, hook.Damaged)
	}
	if ev.Received.IsZero() { // it was not published
		now := *ev
		now.Received, ev = time.Now(), &now
	}
	opts = opts.withDefaults()
	t := &Trial{opts: opts, client: attempt.NewClient(opts.Attempt)}
	in := incoming{msg: &lead.Message{}, history: lead.History{Received: ev.Received, Attempts: 1}}
	t.dl = in.delivery(ev, hook)
	var err error
	if t.dl.target, err = t.client.Target(hook); err != nil {
		return nil, fmt.Errorf("webhook %s: %w", hook.ID, err)
	}
	t.dl.body = formats.Render(ev, hook, opts.Provider)
	return t, nil
}

// A Request is what a [Trial] sends. Header and URL hold secrets in the clear.
type Request struct {
	URL      string
	Header   http.Header
	Body     []byte
	Delivery string // the delivery id, which is the header webhook-id too

	// Refusal says why leadhook does not send it, as the operator's settings
	// are; nil: it does, if the address that a name leads to is allowed.
	Refusal error
}

// Request returns what would be sent at that time.
func (t *Trial) Request(at time.Time) Request {
	t.dl.history.LastAttempt = at
	r := t.dl.request()
	return Request{
		URL: t.dl.hook.URL, Header: r.Header(), Body: t.dl.body.Bytes(),
		Delivery: t.dl.history.Delivery, Refusal: t.dl.target.Refusal(),
	}
}

// A Report is what came of a [Trial], and what would come of a real delivery.
type Report struct {
	Request

	Verdict  string        // delivered, transient, needs_human, gone or refused
	Status   int           // zero: none came
	Evidence lead.Evidence // what a failed attempt leaves open; empty: it was delivered
	Error    string        // in plain words, without a secret; empty: it was delivered

	// What a real delivery would face: whether it were tried again within
	// seconds; how long it then waited for the next attempt, zero if it waited
	// for none; why it were a dead letter at once, empty if it were not.
	QuickRetry bool
	Wait       time.Duration
	Dead       lead.Reason

	attempt.Observation
}

// Send makes the attempt, which takes as long as an attempt may. The error is
// that of ctx, whose end cuts it.
func (t *Trial) Send(ctx context.Context) (*Report, error) {
	now := time.Now()
	report := &Report{Request: t.Request(now)}
	r := t.dl.request()
	o, seen := t.client.Observe(ctx, &r)
	if ctx.Err() != nil {
		return nil, interrupted(ctx, o)
	}
	report.Observation = *seen
	report.Verdict, report.Status, report.Evidence, report.Error = o.Verdict.String(), o.Status, o.Evidence, o.Text
	wait, more := scheduledWait(t.opts.Schedule, 0, &o)
	switch {
	case o.Verdict == attempt.Delivered:
	case o.Final() || !more:
		report.Dead = o.Reason()
	default:
		report.QuickRetry, report.Wait = o.QuickRetry() && t.opts.QuickAttempts > 1, wait
	}
	return report, nil
}

func interrupted(ctx context.Context, o attempt.Outcome) error {
	if o.Evidence == lead.NotSent {
		return fmt.Errorf("interrupted before the lead was sent: %w", context.Cause(ctx))
	}
	return fmt.Errorf("interrupted; the CRM may have the lead: %w", context.Cause(ctx))
}

// Close closes the connections.
func (t *Trial) Close() { t.client.Close() }
