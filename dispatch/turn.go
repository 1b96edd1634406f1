package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// A turn is how a delivery gets to know what becomes of it: see [Dispatcher.conclude].
type turn func(context.Context, *delivery) (result, error)

// awaitTicket is the turn of a delivery that waits for it by itself. The error means
// that ctx ended first.
func (d *Dispatcher) awaitTicket(ctx context.Context, dl *delivery) (result, error) {
	if r, err := d.settledBefore(ctx, dl); r.kind != undecided || err != nil {
		return r, err
	}
	if r, err := d.acquire(ctx, dl); r.kind != undecided || err != nil {
		return r, err
	}
	return d.lookAgain(ctx, dl)
}

// takeTurn is the turn of a delivery of a group, whose ticket has its answer. The error
// means that ctx ended first.
func (d *Dispatcher) takeTurn(ctx context.Context, dl *delivery) (result, error) {
	notBefore, err := dl.ticket.Answer()
	if err == nil && notBefore.IsZero() && ctx.Err() != nil {
		d.limiter.Cancel(&dl.ticket)
		err = context.Cause(ctx)
	}
	r, err := d.answer(dl, dl.ticket.Asked(), notBefore, err)
	switch {
	case err != nil:
		return result{}, err
	case r.kind == changed:
		return r, d.lookUpAgain(ctx, dl)
	case r.kind != undecided:
		return r, nil
	}
	return d.lookAgain(ctx, dl)
}

// acquire waits for a ticket. The delivery has one if the result is undecided; any
// other result is what becomes of it instead. If the webhook changes meanwhile, the
// delivery waits for what it is then. The error means that ctx ended first.
func (d *Dispatcher) acquire(ctx context.Context, dl *delivery) (result, error) {
	for {
		if r := d.deadBeforeAttempt(dl); r.kind != undecided {
			return r, nil
		}
		dl.started(1)
		asked := time.Now()
		notBefore, err := d.limiter.Acquire(ctx, dl.ticketRequest(), &dl.ticket)
		r, err := d.answer(dl, asked, notBefore, err)
		if r.kind != changed || err != nil {
			return r, err
		}
		if err := d.lookUpAgain(ctx, dl); err != nil {
			return result{}, err
		}
	}
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
		return result{kind: changed}, nil
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

// lookUpAgain replaces the delivery's webhook by what it is now. The error means that
// ctx ended first.
func (d *Dispatcher) lookUpAgain(ctx context.Context, dl *delivery) error {
	hooks, err := d.parts.Webhooks.For(ctx, dl.ev.AdvertiserID)
	if err != nil {
		return dl.unsettled(err)
	}
	dl.goesTo(byID(hooks, dl.hook.ID))
	return nil
}
