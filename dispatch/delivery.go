package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// A delivery is one lead event on its way to one webhook.
type delivery struct {
	msg     *lead.Message
	ev      *lead.Event
	hook    *lead.Webhook
	removed bool // the webhook no longer exists; hook then has only its ids
	history lead.History
	reason  lead.Reason // why it is dead already; empty: it is not
	mark    lead.Mark   // of the message that brought it
	waited  bool        // that message comes from a retry topic
	started func(int)   // to be called when it begins to wait for its webhook, with 1

	target *attempt.Target
	looked bool   // the ledger said that the delivery got no further than its message says
	claim  uint64 // its number in the ledger; zero: it was not claimed

	// An attempt in flight owns these, and only reads the others.
	ticket limiter.Ticket
	body   formats.Body // the same for each attempt
	end    attemptEnd   // of the last attempt
}

// deliver takes an event to one webhook and blocks until the delivery is settled.
func (d *Dispatcher) deliver(ctx context.Context, dl *delivery) error {
	if err := d.inProgress.begin(ctx, dl.history.Delivery); err != nil {
		return dl.unsettled(err)
	}
	_, err := d.conclude(ctx, dl, d.awaitTicket)
	return err
}

// conclude takes a delivery in progress to its end. The turn finds out what becomes of
// it; if that is undecided, the delivery has a ticket, is claimed, and is attempted. If it
// must ask for its ticket again, conclude does nothing and returns true.
//
// A panic makes a dead letter of this delivery and does not affect the others.
func (d *Dispatcher) conclude(ctx context.Context, dl *delivery, t turn) (asks bool, err error) {
	var r result
	defer func() {
		if r.kind != handedOver && !asks { // an attempt that is still in flight ends it
			d.inProgress.done(dl.history.Delivery)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			err = d.buryDelivery(ctx, dl, lead.Internal, d.panicked(p, dl.msg, dl.fields()...))
		}
	}()
	r, err = t(ctx, dl)
	dl.started(1)
	switch {
	case err != nil:
		return false, err
	case r.kind == asksAgain:
		return true, nil
	case r.kind == undecided:
		r = d.attemptWithRetries(ctx, dl)
	}
	if r.kind != delivered && r.kind != handedOver {
		defer d.release(dl)
	}
	return false, d.settle(ctx, dl, &r)
}

// settledBefore returns the result repeated if, according to the ledger, the
// delivery got further than its message says: another instance settled it, or this
// one did before it was suspended.
func (d *Dispatcher) settledBefore(ctx context.Context, dl *delivery) (result, error) {
	reached, err := d.parts.Ledger.Reached(ctx, dl.ev.LeadID, dl.history.Delivery)
	if err != nil {
		return result{}, dl.unsettled(err)
	}
	return dl.reached(reached), nil
}

// settledBeforeAll is settledBefore for several deliveries of one event. A panic makes
// dead letters of them all.
func (d *Dispatcher) settledBeforeAll(ctx context.Context, deliveries []*delivery) (results []result, err error) {
	if len(deliveries) == 0 {
		return nil, nil
	}
	first := deliveries[0]
	defer func() {
		if p := recover(); p != nil {
			results = slices.Repeat([]result{deadBecause(lead.Internal, d.panicked(p, first.msg))}, len(deliveries))
		}
	}()
	ids := make([]string, len(deliveries))
	for i, dl := range deliveries {
		ids[i] = dl.history.Delivery
	}
	reached, err := d.parts.Ledger.ReachedAll(ctx, first.ev.LeadID, ids)
	if err != nil {
		return nil, err
	}
	for i, dl := range deliveries {
		results = append(results, dl.reached(reached[i]))
	}
	return results, nil
}

// reached returns the result repeated if the ledger says that the delivery got further
// than its message says.
func (dl *delivery) reached(m lead.Mark) result {
	if m > dl.mark {
		return result{kind: repeated}
	}
	dl.looked = true
	return result{}
}

// deadBeforeAttempt returns the result dead if the delivery must not or cannot be
// attempted. Otherwise it sets the delivery's target and returns undecided.
// `leadhook explain` reports the same about the state of a webhook.
func (d *Dispatcher) deadBeforeAttempt(dl *delivery) result {
	hook, begun := dl.hook, dl.history.Begun()
	switch {
	case dl.reason != "":
		return deadBecause(dl.reason, dl.history.Error)
	case dl.removed:
		return deadBecause(lead.WebhookRemoved, "the webhook was removed while the delivery waited")
	case hook.Damaged != "":
		return deadBecause(lead.WebhookDamaged, hook.Damaged)
	case !hook.Active:
		return deadBecause(lead.WebhookInactive, "the advertiser set the webhook inactive while the delivery waited")
	case !hook.Disabled.At.IsZero():
		return deadBecause(lead.WebhookDisabled, hook.Disabled.String())
	case !begun.IsZero() && d.expires(begun, time.Now()):
		return deadBecause(lead.Expired, d.expiredText(dl))
	}
	var err error
	if dl.target, err = d.client.Target(hook); err != nil {
		return deadBecause(lead.WebhookDamaged, err.Error())
	}
	dl.history.Host = dl.target.Host()
	return result{}
}

// attemptWithRetries attempts a delivery that has a ticket, and again within
// seconds where that may help. It returns the last result.
func (d *Dispatcher) attemptWithRetries(ctx context.Context, dl *delivery) result {
	var waits backoff.BackOff // made when needed: most deliveries succeed
	began := time.Now()
	for n := 1; ; n++ {
		r := d.attempt(ctx, dl)
		if !r.quickRetry || n >= d.opts.QuickAttempts {
			return r
		}
		if waits == nil {
			waits = d.quickWaits()
		}
		switch next := d.awaitQuickRetry(ctx, dl, began, waits.NextBackOff()); next.kind {
		case undecided:
		case repeated:
			return next
		default:
			return r
		}
	}
}

// attempt makes one attempt and returns its result. If ctx ends first, the attempt
// goes on in its goroutine, and the result is handedOver.
func (d *Dispatcher) attempt(ctx context.Context, dl *delivery) result {
	now := time.Now()
	if dl.history.Attempts++; dl.history.FirstAttempt.IsZero() {
		dl.history.FirstAttempt = now
	}
	dl.history.LastAttempt = now
	ended := make(chan struct{})
	d.attempts.Add(1)
	go d.runAttempt(dl, ended)
	select {
	case <-ended:
		end := &dl.end
		o := &end.outcome
		dl.history.Status, dl.history.Evidence, dl.history.Error = o.Status, o.Evidence, o.Text
		dl.history.Answer, dl.history.Location, dl.history.Record = o.Answer, o.Location, o.Record
		dl.history.MaybeReceived = dl.history.MaybeReceived || o.Evidence == lead.MaybeReceived
		if end.report != nil {
			d.reportHealth(ctx, dl.hook, now, end)
		}
		return d.resultOf(dl, end)
	case <-ctx.Done():
	}
	d.attempts.Go(func() { d.endAlone(ctx, dl, ended) })
	return result{kind: handedOver, at: now.Add(d.opts.Attempt.Timeout + handOverMargin), attempted: true}
}

// endAlone awaits the end of an attempt whose delivery was handed over.
func (d *Dispatcher) endAlone(ctx context.Context, dl *delivery, ended <-chan struct{}) {
	<-ended
	end := &dl.end
	if end.outcome.Verdict != attempt.Delivered {
		d.release(dl)
	}
	d.inProgress.done(dl.history.Delivery)
	if end.report != nil {
		d.reportHealth(ctx, dl.hook, dl.history.LastAttempt, end)
	}
}

// runAttempt makes the attempt, gives the ticket back, and closes ended when dl.end says
// how the attempt ended. If the CRM accepted the lead, it notes that in the ledger at once.
func (d *Dispatcher) runAttempt(dl *delivery, ended chan<- struct{}) {
	defer d.attempts.Done()
	dl.end = attemptEnd{outcome: attempt.Outcome{Evidence: lead.NotSent}}
	end := &dl.end
	o := &end.outcome
	defer func() {
		if p := recover(); p != nil {
			*o = attempt.Outcome{Verdict: attempt.Transient, Evidence: o.Evidence}
			o.Text, end.panicked = d.panicked(p, dl.msg, dl.fields()...), true
		}
		feedback := forLimiter(o)
		feedback.Undated = o.Verdict != attempt.Delivered && !d.opts.ClockBelieved()
		end.report = d.limiter.Done(&dl.ticket, feedback)
		close(ended)
	}()
	dl.body = formats.Render(dl.ev, dl.hook, d.opts.Provider)
	request := dl.request()
	o.Evidence = lead.MaybeReceived
	*o = d.client.Do(&request)
	dl.body = formats.Body{}
	if o.Verdict == attempt.Delivered {
		d.parts.Ledger.Note(dl.ev.LeadID, dl.history.Delivery, lead.MarkDelivered)
	}
	d.metrics.attempt(o)
	if o.Doubt {
		d.logDoubt(dl)
	}
}

func (d *Dispatcher) logDoubt(dl *delivery) {
	d.log.Info("delivered with doubt: the answer says failure, and the webhook has no rules for answers",
		append(dl.fields(), zap.Int("status", dl.end.outcome.Status))...)
}

// request returns what is sent by the attempt that begins at history.LastAttempt.
func (dl *delivery) request() attempt.Request {
	return attempt.Request{
		Target: dl.target, DeliveryID: dl.history.Delivery, Number: dl.history.Attempts,
		MaybeReceived: dl.history.MaybeReceived, Trigger: dl.ev.Trigger, Test: dl.ev.Test, Lead: dl.ev.Lead, Traceparent: dl.msg.Header("traceparent"),
		Time: dl.history.LastAttempt, ContentType: dl.body.ContentType, Body: dl.body.Parts[:],
	}
}

// fields returns what identifies the delivery in the log.
func (dl *delivery) fields() []zap.Field {
	return []zap.Field{
		zap.String("advertiser_id", dl.ev.AdvertiserID),
		zap.String("lead_id", dl.ev.LeadID),
		zap.String("webhook_id", dl.hook.ID),
		zap.String("delivery_id", dl.history.Delivery),
	}
}

// unsettled returns the error for a delivery that was not settled before ctx
// ended.
func (dl *delivery) unsettled(cause error) error {
	return fmt.Errorf("delivery %s to webhook %s is not settled: %w", dl.history.Delivery, dl.hook.ID, cause)
}
