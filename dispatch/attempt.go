package dispatch

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

const (
	// quickWindow is how long after the first attempt began another quick one
	// may still begin: a CRM that takes seconds to fail is not asked again and
	// again while its leads hold slots.
	quickWindow = 5 * time.Second

	// lastBurial is how long a final refusal may still be buried when the
	// service is stopping already.
	lastBurial = 5 * time.Second
)

// attemptQuickly attempts a delivery until its outcome stands for now, and
// leaves that in it. The error says that ctx ended before.
func (d *Dispatcher) attemptQuickly(ctx context.Context, dl *delivery) error {
	var waits *backoff.ExponentialBackOff // made when needed: most deliveries succeed
	for {
		if err := d.attempt(ctx, dl); err != nil {
			return err
		}
		if !dl.outcome.quickRetry() || dl.attempts >= d.opts.QuickAttempts {
			return nil
		}
		if waits == nil {
			waits = d.quickWaits()
		}
		wait := waits.NextBackOff()
		if time.Since(dl.first)+wait > quickWindow {
			return nil
		}
		d.log.Info("quick retry", append(dl.fields(), zap.Int("attempt", dl.attempts), zap.Duration("wait", wait),
			zap.String("address", dl.target.url.Host), zap.Int("status", dl.outcome.status), zap.String("error", dl.outcome.text))...)
		if !sleep(ctx, wait) {
			return dl.unsettled(ctx)
		}
	}
}

// quickWaits are the waits between quick attempts, doubling, each at random
// half as short or half as long.
func (d *Dispatcher) quickWaits() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(d.opts.QuickWait),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(quickWindow),
		backoff.WithMaxElapsedTime(0),
	)
}

// attempt waits for a slot and makes one attempt, which the end of ctx does
// not cut. The error says that ctx ended before it began.
func (d *Dispatcher) attempt(ctx context.Context, dl *delivery) error {
	if ctx.Err() != nil {
		return dl.unsettled(ctx)
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return dl.unsettled(ctx)
	}
	dl.last = time.Now()
	if dl.attempts++; dl.attempts == 1 {
		dl.first = dl.last
	}
	dl.outcome = outcome{evidence: lead.MaybeReceived} // should it panic, that is all one knows
	dl.outcome = d.sender.post(ctx, dl, dl.last)
	d.metrics.attemptTime.Observe(time.Since(dl.last).Seconds())
	d.metrics.attempts[dl.outcome.verdict].Inc()
	if dl.outcome.evidence == lead.MaybeReceived {
		d.metrics.maybeReceived.Inc()
	}
	return nil
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
