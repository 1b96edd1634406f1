package dispatch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// A Trial is one attempt at one event for one webhook, to see what comes of it.
// It is rendered, guarded and sent as a [Dispatcher] does, once, and leaves no
// trace: nothing is counted, remembered or tried again, and the webhook's
// standing stays as it is. Over https it is made by net/http, as the first one to
// a host always is. Whether the webhook is active, or wants the event, is not
// asked.
type Trial struct {
	opts   Options
	sender *sender
	way    poster // the sender's own
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
	t := &Trial{opts: opts, sender: newSender(opts)}
	t.way = t.sender.transport
	r := record{msg: &lead.Message{}, history: lead.History{Received: ev.Received, Attempts: 1}}
	t.dl = r.delivery(ev, hook)
	var err error
	if t.dl.target, err = t.sender.aim(hook); err != nil {
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
	r := t.dl.request(nil, at)
	return Request{
		URL: t.dl.hook.URL, Header: r.Header(), Body: t.dl.body.Bytes(),
		Delivery: t.dl.history.Delivery, Refusal: t.dl.target.refusal,
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

	Protocol string // of the answer, such as HTTP/1.1; empty: none came
	Head     []byte // of the answer's body, at most 4 KiB; it may quote the request, secrets and all

	Network Network
}

// Send makes the attempt, which takes as long as an attempt may. The error is
// that of ctx, whose end cuts it.
func (t *Trial) Send(ctx context.Context) (*Report, error) {
	now := time.Now()
	seen := &watch{began: now}
	report := &Report{Request: t.Request(now)}
	t.sender.transport = &tapped{poster: t.way, ctx: ctx, report: report, trace: seen.trace()}
	o := t.sender.post(ctx, t.dl, now)
	if ctx.Err() != nil {
		return nil, interrupted(ctx, o)
	}
	report.Network = seen.network(time.Now())
	report.Verdict, report.Status, report.Evidence, report.Error = o.verdict.String(), o.status, o.evidence, o.text
	wait, more := scheduledWait(t.opts.Schedule, 0, o)
	switch {
	case o.verdict == delivered:
	case o.final() || !more:
		report.Dead = o.reason()
	default:
		report.QuickRetry, report.Wait = o.quickRetry() && t.opts.QuickAttempts > 1, wait
	}
	return report, nil
}

func interrupted(ctx context.Context, o outcome) error {
	if o.evidence == lead.NotSent {
		return fmt.Errorf("interrupted before the lead was sent: %w", context.Cause(ctx))
	}
	return fmt.Errorf("interrupted; the CRM may have the lead: %w", context.Cause(ctx))
}

// A tapped poster makes requests so that the end of ctx cuts them, and keeps the
// head of the answer. With the end of either the connection is closed: a trial
// needs it once.
type tapped struct {
	poster

	ctx    context.Context //nolint:containedctx // the caller's of Send: an attempt does not end with it
	report *Report
	trace  *httptrace.ClientTrace
}

func (t *tapped) Post(limit context.Context, r *http1.Request) (*http1.Answer, error) {
	cut, cancel := context.WithCancelCause(limit)
	stop := context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })
	end := func() { stop(); cancel(nil) }
	t.trace.GotConn = func(got httptrace.GotConnInfo) {
		context.AfterFunc(cut, func() { _ = got.Conn.Close() })
	}
	r.Trace, r.BodyWanted = t.trace, true
	answer, err := t.poster.Post(cut, r)
	if err != nil {
		end()
		return nil, err
	}
	t.report.Protocol = answer.Proto
	answer.Body, answer.Whole = &headReader{ReadCloser: answer.Body, head: &t.report.Head, end: end}, false // so that it is read
	return answer, nil
}

// Close closes the connections.
func (t *Trial) Close() { t.way.CloseIdleConnections() }

// maxHead is how much of an answer a report has.
const maxHead = 4 << 10

// A headReader keeps the head of what is read of an answer.
type headReader struct {
	io.ReadCloser
	head *[]byte
	end  func()
}

func (r *headReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	*r.head = append(*r.head, b[:min(n, maxHead-len(*r.head))]...)
	return n, err
}

// Close closes the answer, and ends what waited for the end of the caller.
func (r *headReader) Close() error {
	defer r.end()
	return r.ReadCloser.Close()
}
