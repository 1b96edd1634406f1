package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// lookUpAfter is how long a delivery waits for its ticket before it is looked up in the
// ledger. Most wait for less, and need only the look-up that comes with the claim.
const lookUpAfter = time.Second

// A turn is how a delivery gets to know what becomes of it: see [Dispatcher.conclude].
type turn func(context.Context, *delivery) (result, error)

// awaitTicket is the turn of a delivery that waits for it by itself. The error means
// that ctx ended first.
func (d *Dispatcher) awaitTicket(ctx context.Context, dl *delivery) (result, error) {
	for {
		r, err := d.acquire(ctx, dl)
		switch {
		case err != nil:
			return result{}, err
		case r.kind != undecided:
			return d.unlessSettled(ctx, dl, r)
		}
		if r, err = d.claim(ctx, dl); r.kind != asksAgain || err != nil {
			return r, err
		}
	}
}

// takeTurn is the turn of a delivery of a group, whose ticket has its answer. The error
// means that ctx ended first.
func (d *Dispatcher) takeTurn(ctx context.Context, dl *delivery) (result, error) {
	notBefore, err := dl.ticket.Answer()
	r, err := d.answer(dl, dl.ticket.Asked(), notBefore, err)
	switch {
	case err != nil:
		return result{}, err
	case r.kind == asksAgain:
		return d.lookUpAgain(ctx, dl)
	case r.kind != undecided:
		return d.unlessSettled(ctx, dl, r)
	}
	return d.claim(ctx, dl)
}

// unlessSettled returns what is to become of a delivery without an attempt, or repeated
// if the ledger says that it got further before.
func (d *Dispatcher) unlessSettled(ctx context.Context, dl *delivery, r result) (result, error) {
	if dl.looked {
		return r, nil
	}
	if before, err := d.settledBefore(ctx, dl); before.kind != undecided || err != nil {
		return before, err
	}
	return r, nil
}

// acquire waits for a ticket. The delivery has one if the result is undecided; any
// other result is what becomes of it instead. If the webhook changes meanwhile, the
// delivery waits for what it is then. The error means that ctx ended first.
func (d *Dispatcher) acquire(ctx context.Context, dl *delivery) (result, error) {
	for {
		if r := d.deadBeforeAttempt(dl); r.kind != undecided {
			return r, nil
		}
		r, err := d.acquireOnce(ctx, dl)
		if r.kind != asksAgain || err != nil {
			return r, err
		}
		if r, err := d.lookUpAgain(ctx, dl); r.kind != asksAgain || err != nil {
			return r, err
		}
	}
}

// acquireOnce is acquire without what follows if the webhook changes. A delivery that
// waits for long is looked up in the ledger meanwhile: what was settled before must not
// queue behind a slow CRM, nor keep others waiting.
func (d *Dispatcher) acquireOnce(ctx context.Context, dl *delivery) (result, error) {
	if ctx.Err() != nil {
		return result{}, dl.unsettled(context.Cause(ctx))
	}
	if d.limiter.Ask(dl.ticketRequest(), &dl.ticket, nil) {
		notBefore, err := dl.ticket.Answer()
		return d.answer(dl, dl.ticket.Asked(), notBefore, err)
	}
	dl.started(1)
	if !dl.looked && !d.limiter.Wait(ctx, &dl.ticket, lookUpAfter) {
		if r, err := d.settledBefore(ctx, dl); r.kind != undecided || err != nil {
			d.limiter.Leave(&dl.ticket)
			return r, err
		}
	}
	notBefore, err := d.limiter.Await(ctx, &dl.ticket)
	return d.answer(dl, dl.ticket.Asked(), notBefore, err)
}

// ask is the beginning of acquire for a delivery of a group. It does not block. If the
// delivery waits, its ticket will be sent on answers. Otherwise, if the result is
// undecided, the ticket has its answer.
func (d *Dispatcher) ask(ctx context.Context, dl *delivery, answers chan *limiter.Ticket) (r result, waits bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			r = deadBecause(lead.Internal, d.panicked(p, dl.msg, dl.fields()...))
		}
	}()
	if r := d.deadBeforeAttempt(dl); r.kind != undecided {
		return r, false, nil
	}
	if ctx.Err() != nil {
		return result{}, false, dl.unsettled(context.Cause(ctx))
	}
	return result{}, !d.limiter.Ask(dl.ticketRequest(), &dl.ticket, answers), nil
}

func (dl *delivery) ticketRequest() limiter.Request {
	return limiter.Request{
		Webhook: dl.hook, Host: dl.target.Origin(), Size: dl.msg.Size(), Returned: dl.waited, Retried: dl.history.Step > 0,
	}
}

// answer returns what follows from the limiter's answer to a ticket that was asked for
// at the given time. The delivery has the ticket if the result is undecided.
func (d *Dispatcher) answer(dl *delivery, asked, notBefore time.Time, err error) (result, error) {
	d.metrics.turnTime.Observe(time.Since(asked).Seconds())
	switch {
	case errors.Is(err, limiter.ErrChanged):
		return result{kind: asksAgain}, nil
	case err != nil:
		return result{}, dl.unsettled(err)
	case !notBefore.IsZero():
		return result{kind: deferred, at: notBefore}, nil
	case d.suspend.resumed():
		d.limiter.Cancel(&dl.ticket)
		return result{kind: deferred, at: time.Now().Add(afterResume)}, nil
	}
	return result{}, nil
}

// lookUpAgain replaces the delivery's webhook by what it is now, and returns the result
// asksAgain. If that cannot be found out, the delivery is deferred. The error means that ctx
// ended first.
func (d *Dispatcher) lookUpAgain(ctx context.Context, dl *delivery) (result, error) {
	hooks, err := d.parts.Webhooks.For(ctx, dl.ev.AdvertiserID, time.Now())
	switch {
	case errors.Is(err, lead.ErrAway):
		d.metrics.putOffWebhooks.Inc()
		return result{kind: deferred, at: putOffUntil(dl.history.Received)}, nil
	case err != nil:
		return result{}, dl.unsettled(err)
	}
	dl.goesTo(byID(hooks, dl.hook.ID))
	return result{kind: asksAgain}, nil
}
