package dispatch

import (
	"context"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
)

// shortClaim is the longest time for which a delivery waits here until another instance
// must have ended its attempt. A longer wait is one in the retry queue.
const shortClaim = 2 * time.Second

// slowly is how long claiming may take and count as part of the attempt, whose age tells
// whether the CRM is slow.
const slowly = 50 * time.Millisecond

// claim looks a delivery that has a ticket up in the ledger, and claims it. It keeps its
// ticket if the result is undecided. The attempt must then begin at once: a process that
// is suspended before that must ask again.
func (d *Dispatcher) claim(ctx context.Context, dl *delivery) (result, error) {
	for dl.ticket.Delay(true); ; {
		asked := time.Now()
		c, err := d.parts.Ledger.Claim(ctx, dl.ev.LeadID, dl.history.Delivery, dl.mark)
		if err != nil {
			d.limiter.Cancel(&dl.ticket)
			return result{}, dl.unsettled(err)
		}
		switch r := dl.reached(c.Reached); {
		case r.kind != undecided:
			d.limiter.Cancel(&dl.ticket)
			return r, nil
		case c.Held > 0:
			d.limiter.Cancel(&dl.ticket)
			dl.history.MaybeReceived = true // by an attempt whose end may never be known
			return d.awaitClaim(ctx, dl, c.Held)
		}
		dl.claim = c.Number
		if ctx.Err() != nil {
			d.limiter.Cancel(&dl.ticket)
			d.release(dl)
			return result{}, dl.unsettled(context.Cause(ctx))
		}
		took := time.Since(asked)
		if took > d.opts.LookAgainAfter {
			continue
		}
		if dl.ticket.Delay(false); took > slowly {
			d.limiter.Begin(&dl.ticket)
		}
		return result{}, nil
	}
}

// awaitClaim is for a delivery that another instance may be attempting for some time yet.
// It waits if that is short; otherwise the result is deferred.
func (d *Dispatcher) awaitClaim(ctx context.Context, dl *delivery, held time.Duration) (result, error) {
	if held > shortClaim {
		return result{kind: deferred, at: time.Now().Add(held)}, nil
	}
	if !wait.For(ctx, held) {
		return result{}, dl.unsettled(context.Cause(ctx))
	}
	return result{kind: asksAgain}, nil
}

// release ends the delivery's claim, if it has one.
func (d *Dispatcher) release(dl *delivery) {
	d.parts.Ledger.Release(dl.ev.LeadID, dl.history.Delivery, dl.claim)
	dl.claim = 0
}
