package dispatch

import (
	"context"
	"fmt"
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
	mark    lead.Mark // of the message that brought it
	waited  bool      // that message comes from a retry topic
	started func()    // to be called when it begins to wait for its webhook

	target *attempt.Target
	looked time.Time // when the ledger was last asked, and knew no later mark

	// An attempt in flight owns these, and reads the rest.
	ticket limiter.Ticket
	body   formats.Body // the same for each attempt
}

// deliver takes an event to one webhook and blocks until that is settled. A
// panic on the way ends this delivery and no other.
func (d *Dispatcher) deliver(ctx context.Context, dl *delivery) (err error) {
	if err := d.inFlight.begin(ctx, dl.history.Delivery); err != nil {
		return dl.unsettled(err)
	}
	goesOn := false
	defer func() {
		if !goesOn { // else it is done when its attempt is
			d.inFlight.done(dl.history.Delivery)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			err = d.buryDelivery(ctx, dl, lead.Internal, d.panicked(p, dl.msg, dl.fields()...))
		}
	}()
	r, err := d.awaitTurn(ctx, dl)
	if err != nil {
		return err
	}
	if r == nil {
		r = d.attemptQuickly(ctx, dl)
	}
	goesOn = r.kind == handedOver
	return d.settle(ctx, dl, r)
}

// awaitTurn waits until the delivery may be attempted. Then it has a ticket, and
// the result is nil; else it is what keeps the delivery from being attempted.
// The error says that ctx ended first.
func (d *Dispatcher) awaitTurn(ctx context.Context, dl *delivery) (*result, error) {
	if before, err := d.settledBefore(ctx, dl); before || err != nil {
		return &result{kind: repeated}, err
	}
	if r := d.refusal(dl); r != nil {
		return r, nil
	}
	notBefore, err := d.acquire(ctx, dl)
	if err != nil {
		return nil, dl.unsettled(err)
	}
	if !notBefore.IsZero() {
		return &result{kind: deferred, at: notBefore}, nil
	}
	if time.Since(dl.looked) <= d.opts.LookAgainAfter {
		return nil, nil
	}
	if before, err := d.settledBefore(ctx, dl); before || err != nil {
		d.limiter.Cancel(&dl.ticket)
		return &result{kind: repeated}, err
	}
	return nil, nil
}

// settledBefore reports whether the delivery got further than the message that
// brought it: another instance has settled it, or this one before it was
// suspended.
func (d *Dispatcher) settledBefore(ctx context.Context, dl *delivery) (bool, error) {
	asked := time.Now()
	reached, err := d.parts.Ledger.Reached(ctx, dl.ev.LeadID, dl.history.Delivery)
	if err != nil {
		return false, dl.unsettled(err)
	}
	if reached > dl.mark {
		return true, nil
	}
	dl.looked = asked
	return false, nil
}

// refusal returns a result if the delivery must no longer be attempted, or
// cannot be, and otherwise nil. It finds the target.
func (d *Dispatcher) refusal(dl *delivery) *result {
	hook, begun := dl.hook, dl.history.Begun()
	switch {
	case dl.removed:
		return deadBecause(lead.WebhookRemoved, "the webhook was removed while the delivery waited")
	case hook.Damaged != "":
		return deadBecause(lead.WebhookDamaged, hook.Damaged)
	case !hook.Active:
		return deadBecause(lead.WebhookInactive, "the advertiser set the webhook inactive while the delivery waited")
	case !hook.Disabled.At.IsZero():
		return deadBecause(lead.WebhookDisabled, hook.Disabled.String())
	case !begun.IsZero() && time.Since(begun) >= d.opts.Expire:
		return deadBecause(lead.Expired, d.expiredText(dl))
	}
	var err error
	if dl.target, err = d.client.Target(hook); err != nil {
		return deadBecause(lead.WebhookDamaged, err.Error())
	}
	return nil
}

// acquire waits for a ticket. A time that is not zero is when the delivery
// should come again instead.
func (d *Dispatcher) acquire(ctx context.Context, dl *delivery) (notBefore time.Time, err error) {
	dl.started()
	notBefore, err = d.limiter.Acquire(ctx, limiter.Request{
		Webhook: dl.hook, Host: dl.target.Origin(), Size: dl.msg.Size(), Returned: dl.waited, Retried: dl.history.Step > 0,
	}, &dl.ticket)
	if err != nil || !notBefore.IsZero() {
		return notBefore, err
	}
	if d.suspend.resumed() {
		d.limiter.Cancel(&dl.ticket)
		return time.Now().Add(afterResume), nil
	}
	return time.Time{}, nil
}

// attemptQuickly attempts a delivery that has a ticket, and again within seconds
// where that may help.
func (d *Dispatcher) attemptQuickly(ctx context.Context, dl *delivery) *result {
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
		if !d.pause(ctx, dl, began, waits.NextBackOff()) {
			return r
		}
		if notBefore, err := d.acquire(ctx, dl); err != nil || !notBefore.IsZero() {
			return r
		}
	}
}

// attempt makes one attempt, and returns its result. The end of ctx does not cut
// it: it goes on by itself then, and the delivery is to be handed over.
func (d *Dispatcher) attempt(ctx context.Context, dl *delivery) *result {
	now := time.Now()
	if dl.history.Attempts++; dl.history.FirstAttempt.IsZero() {
		dl.history.FirstAttempt = now
	}
	dl.history.LastAttempt = now
	end := make(chan attempted)
	d.attempts.Add(1)
	go d.runAttempt(dl, end)
	var a attempted
	select {
	case a = <-end:
		dl.history.Status, dl.history.Evidence, dl.history.Error = a.outcome.Status, a.outcome.Evidence, a.outcome.Text
		if a.report != nil {
			d.reportHealth(ctx, dl.hook, &a)
		}
		return d.resultOf(dl, &a)
	case <-ctx.Done():
	}
	d.attempts.Go(func() {
		a := <-end
		d.inFlight.done(dl.history.Delivery)
		if a.report != nil {
			d.reportHealth(ctx, dl.hook, &a)
		}
	})
	return &result{kind: handedOver, at: now.Add(d.opts.Attempt.Timeout + handOverMargin), attempted: true}
}

// runAttempt makes the attempt, gives the ticket back, and sends what came of
// it. The ledger gets to know at once if the CRM has the lead.
func (d *Dispatcher) runAttempt(dl *delivery, end chan<- attempted) {
	defer d.attempts.Done()
	var a attempted
	defer func() {
		if p := recover(); p != nil {
			a.outcome = attempt.Outcome{Verdict: attempt.Transient, Evidence: lead.MaybeReceived}
			a.outcome.Text, a.panicked = d.panicked(p, dl.msg, dl.fields()...), true
		}
		a.report = d.limiter.Done(&dl.ticket, forLimiter(&a.outcome))
		end <- a
	}()
	dl.body = formats.Render(dl.ev, dl.hook, d.opts.Provider)
	request := dl.request()
	a.outcome = d.client.Do(&request)
	dl.body = formats.Body{}
	if a.outcome.Verdict == attempt.Delivered {
		d.parts.Ledger.Note(dl.ev.LeadID, dl.history.Delivery, lead.MarkDelivered)
	}
	d.metrics.attempt(a.outcome)
}

// request is what the next attempt sends.
func (dl *delivery) request() attempt.Request {
	return attempt.Request{
		Target: dl.target, Delivery: dl.history.Delivery, Number: dl.history.Attempts,
		Trigger: dl.ev.Trigger, Test: dl.ev.Test, Traceparent: dl.msg.Header("traceparent"),
		Time: dl.history.LastAttempt, ContentType: dl.body.ContentType, Body: dl.body.Parts[:],
	}
}

// fields identify the delivery in the log.
func (dl *delivery) fields() []zap.Field {
	return []zap.Field{
		zap.String("advertiser_id", dl.ev.AdvertiserID),
		zap.String("lead_id", dl.ev.LeadID),
		zap.String("webhook_id", dl.hook.ID),
		zap.String("delivery_id", dl.history.Delivery),
	}
}

// unsettled is the error for a delivery that the end of ctx kept from its end.
func (dl *delivery) unsettled(cause error) error {
	return fmt.Errorf("delivery %s to webhook %s is not settled: %w", dl.history.Delivery, dl.hook.ID, cause)
}
