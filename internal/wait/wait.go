// Package wait has what a goroutine needs that waits for somebody else: a sleep
// that a context ends, the back-off of retries that never give up, and the log
// lines of an outage. It knows nothing of what is waited for.
package wait

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// For blocks for d, or until ctx ends. It reports whether it waited to the end.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Endless returns the waits between retries that go on until they succeed: each
// is half as long again as the one before, by chance up to half longer or
// shorter, from first to longest. [backoff.ExponentialBackOff.Reset] begins
// again with first. It must not be used by two goroutines at once.
func Endless(first, longest time.Duration) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(first),
		backoff.WithMaxInterval(longest), backoff.WithMaxElapsedTime(0))
}
