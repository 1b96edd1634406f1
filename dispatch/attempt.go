package dispatch

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

const (
	// quickWindow is how long after the first attempt began another quick one
	// may still begin: a CRM that takes seconds to fail is not asked again and
	// again while its leads hold slots.
	quickWindow = 5 * time.Second

	// lastWords is how long what became of an attempt may still be written when
	// the partition is taken away or the service stops.
	lastWords = 5 * time.Second
)

// An end is how attemptQuickly leaves a delivery.
type end int

const (
	stands  end = iota // its outcome, or the lane's wish that it come later
	settled            // it was settled meanwhile
	flying             // it is settled, and its attempt goes on
)

// attemptQuickly attempts a delivery until its outcome stands for now, and
// leaves that in it. The error says that ctx ended before it was attempted.
func (d *Dispatcher) attemptQuickly(ctx context.Context, dl *delivery) (end, error) {
	var waits backoff.BackOff // made when needed: most deliveries succeed
	for {
		t, end, err := d.takeTurn(ctx, dl)
		if t == nil {
			return end, err
		}
		if end, err := d.attempt(ctx, dl, t); end != stands || err != nil {
			return end, err
		}
		if !dl.outcome.QuickRetry() || dl.tries >= d.opts.QuickAttempts {
			return stands, nil
		}
		if waits == nil {
			waits = d.quickWaits()
		}
		if !d.pause(ctx, dl, waits.NextBackOff()) {
			return stands, nil
		}
	}
}

// takeTurn waits for the delivery's turn in its webhook's lane. It returns none
// if the delivery is to come again later, got further meanwhile, or ctx ended;
// one that was attempted already has an outcome, which stands then.
func (d *Dispatcher) takeTurn(ctx context.Context, dl *delivery) (*limiter.Ticket, end, error) {
	dl.started()
	t := &dl.turn
	later, err := d.limiter.Acquire(ctx, limiter.Request{
		Webhook: dl.hook, Host: dl.target.Origin(), Size: dl.msg.Size(), Returned: dl.waited, Retried: dl.history.Step > 0,
	}, t)
	if err != nil {
		if dl.tries == 0 {
			return nil, stands, dl.unsettled(err)
		}
		return nil, stands, nil
	}
	if !later.IsZero() {
		dl.later = later
		return nil, stands, nil
	}
	if d.suspend.resumed() {
		d.limiter.Cancel(t)
		dl.later = time.Now().Add(afterResume)
		return nil, stands, nil
	}
	if dl.tries == 0 && time.Since(dl.looked) > d.opts.LookAgainAfter {
		if further, err := d.furtherOn(ctx, dl); further || err != nil {
			d.limiter.Cancel(t)
			return nil, settled, err
		}
	}
	return t, stands, nil
}

// pause waits before another quick attempt. It returns false if there is to be
// none: too much time is over, or ctx has ended.
func (d *Dispatcher) pause(ctx context.Context, dl *delivery, wait time.Duration) bool {
	if time.Since(dl.began)+wait > quickWindow {
		return false
	}
	d.log.Info("quick retry", append(dl.fields(), zap.Int("attempt", dl.history.Attempts), zap.Duration("wait", wait),
		zap.String("address", dl.target.Host()), zap.Int("status", dl.outcome.Status), zap.String("error", dl.outcome.Text))...)
	return sleep(ctx, wait)
}

// quickWaits are the waits between quick attempts, doubling, each at random
// half as short or half as long.
func (d *Dispatcher) quickWaits() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(d.opts.QuickWait),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(quickWindow),
		backoff.WithMaxElapsedTime(0),
	)
}

// attempt makes one attempt, which the end of ctx does not cut: the delivery is
// handed over to the retry queue then, and the attempt ends by itself.
func (d *Dispatcher) attempt(ctx context.Context, dl *delivery, t *limiter.Ticket) (end, error) {
	now := time.Now()
	if dl.tries++; dl.tries == 1 {
		dl.began = now
	}
	if dl.history.Attempts++; dl.history.FirstAttempt.IsZero() {
		dl.history.FirstAttempt = now
	}
	dl.history.LastAttempt = now
	landed := make(chan struct{})
	d.underWay.Add(1)
	go d.fly(dl, t, landed)
	select {
	case <-landed:
		dl.history.Status, dl.history.Evidence, dl.history.Error = dl.outcome.Status, dl.outcome.Evidence, dl.outcome.Text
		d.heed(ctx, dl)
		return stands, nil
	case <-ctx.Done():
	}
	return d.handOver(ctx, dl, landed)
}

// fly makes the attempt, gives the turn back, and lets the ledger know at once
// when the CRM has the lead. While it goes on nobody else may touch the
// delivery's body, outcome, turn and lesson, and it touches nothing else.
func (d *Dispatcher) fly(dl *delivery, t *limiter.Ticket, landed chan<- struct{}) {
	defer d.underWay.Done()
	defer func() {
		if p := recover(); p != nil {
			dl.outcome = attempt.Outcome{Verdict: attempt.Transient, Evidence: lead.MaybeReceived}
			dl.bug = d.panicked(p, dl.msg, dl.fields()...)
		}
		dl.lesson = d.limiter.Done(t, forLimiter(&dl.outcome))
		close(landed)
	}()
	dl.body = formats.Render(dl.ev, dl.hook, d.opts.Provider)
	request := dl.request()
	dl.outcome = d.client.Do(&request)
	dl.body = formats.Body{}
	if dl.outcome.Verdict == attempt.Delivered {
		d.parts.Ledger.Note(dl.ev.LeadID, dl.history.Delivery, lead.MarkDelivered)
	}
	d.metrics.attempt(dl.outcome)
}

// results are the verdicts as the limiter knows them.
var results = [attempt.Verdicts]limiter.Result{
	attempt.Delivered: limiter.Accepted, attempt.Transient: limiter.Failed, attempt.NeedsHuman: limiter.Failed,
	attempt.Gone: limiter.Gone, attempt.Refused: limiter.Refused,
}

// forLimiter is what the limiter needs to know of an attempt.
func forLimiter(o *attempt.Outcome) limiter.Outcome {
	return limiter.Outcome{
		Result: results[o.Verdict], PauseAsked: o.PauseAsked, Pause: o.Pause, Took: o.Took, Overloaded: o.Overloaded(),
	}
}

// handOver gives a delivery whose attempt goes on to the retry queue, due when the
// attempt must have ended: by then the ledger knows whether it was delivered.
func (d *Dispatcher) handOver(ctx context.Context, dl *delivery, landed <-chan struct{}) (end, error) {
	const apart = time.Second
	heeding := ctx
	d.underWay.Go(func() {
		<-landed
		d.inFlight.done(dl.history.Delivery)
		d.heed(heeding, dl)
	})
	cause := context.Cause(ctx)
	ctx, cancel := outliving(ctx, lastWords)
	defer cancel()
	due := dl.history.LastAttempt.Add(d.opts.Attempt.Timeout + apart)
	if err := d.park(ctx, dl, due, "handed_over"); err != nil {
		return flying, dl.unsettled(cause)
	}
	return flying, nil
}

// sleep waits and says whether it waited to the end; ctx cuts it.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// outliving returns a context that ends some time after ctx.
func outliving(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(by, func() { cancel(context.Cause(ctx)) })
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}
