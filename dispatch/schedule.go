package dispatch

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/internal/wait"
)

// quickWindow is how long after the beginning of the first attempt a quick retry
// may begin: a CRM that takes seconds to fail is not called again and again while
// its leads keep others from being read.
const quickWindow = 5 * time.Second

// DefaultSchedule returns the default waits after the failed attempts of a delivery.
// When the attempt after the last wait fails too, the delivery is dead.
func DefaultSchedule() []time.Duration {
	return []time.Duration{
		10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
		6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	}
}

// scheduledWait returns how long a delivery waits for its next attempt if it has
// waited step times already, and false if the schedule is over. A longer pause that
// the CRM asked for (Retry-After) takes precedence. If it is overloaded (429 or 503),
// package limiter meanwhile lets no other delivery of the webhook through.
func scheduledWait(schedule []time.Duration, step int, o *attempt.Outcome) (time.Duration, bool) {
	if step >= len(schedule) {
		return 0, false
	}
	return max(schedule[step], o.Pause), true
}

// quickWaits returns the waits before quick retries. They double each time, and each
// is randomly up to half longer or shorter.
func (d *Dispatcher) quickWaits() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(d.opts.QuickWait),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(quickWindow),
		backoff.WithMaxElapsedTime(0),
	)
}

// awaitQuickRetry waits for next, and then until the delivery has a ticket for a quick
// retry and is claimed again. The result is then undecided, and any other means that there
// must be no retry: it would begin too long after began, when the first attempt did, its
// webhook does not take it now, another instance has it, or ctx has ended.
func (d *Dispatcher) awaitQuickRetry(ctx context.Context, dl *delivery, began time.Time, next time.Duration) result {
	if time.Since(began)+next > quickWindow {
		return result{kind: deferred}
	}
	d.log.Info("attempt failed; quick retry follows", append(dl.fields(), zap.Int("attempt", dl.history.Attempts), zap.Duration("wait", next),
		zap.String("address", dl.target.Host()), zap.Int("status", dl.history.Status), zap.String("error", dl.history.Error))...)
	if !wait.For(ctx, next) {
		return result{kind: deferred}
	}
	r, err := d.acquire(ctx, dl)
	if r.kind == undecided && err == nil {
		r, err = d.claim(ctx, dl)
	}
	if err != nil {
		return result{kind: deferred}
	}
	return r
}
