package dispatch

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/internal/wait"
)

// quickWindow is how long after the first attempt began another quick one may
// still begin: a CRM that takes seconds to fail is not asked again and again
// while its leads hold slots.
const quickWindow = 5 * time.Second

// Schedule returns the waits after the failed attempts of a delivery, which is
// dead when the last of them has not helped.
func Schedule() []time.Duration {
	return []time.Duration{
		10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
		6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	}
}

// scheduledWait is how long a delivery waits that has waited step times
// already, and false if it has waited often enough. What the CRM asked for
// counts where it is longer.
func scheduledWait(schedule []time.Duration, step int, o *attempt.Outcome) (time.Duration, bool) {
	if step >= len(schedule) {
		return 0, false
	}
	return max(schedule[step], o.Pause), true
}

// quickWaits returns the waits between quick attempts, doubling, each at random
// half as short or half as long.
func (d *Dispatcher) quickWaits() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(d.opts.QuickWait),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(quickWindow),
		backoff.WithMaxElapsedTime(0),
	)
}

// pause waits before another quick attempt. It returns false if there is to be
// none: too much time has passed since the first one began, or ctx has ended.
func (d *Dispatcher) pause(ctx context.Context, dl *delivery, began time.Time, pause time.Duration) bool {
	if time.Since(began)+pause > quickWindow {
		return false
	}
	d.log.Info("quick retry", append(dl.fields(), zap.Int("attempt", dl.history.Attempts), zap.Duration("wait", pause),
		zap.String("address", dl.target.Host()), zap.Int("status", dl.history.Status), zap.String("error", dl.history.Error))...)
	return wait.For(ctx, pause)
}
