// Package wait has what a goroutine needs while it waits for another system: a
// sleep that a context ends, the back-off of retries that never give up, and the
// log lines of an outage. It does not know what is waited for.
package wait

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// For blocks for d, or until ctx ends. It reports whether d has passed.
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

// Endless returns the waits between retries that go on until they succeed. They
// grow by half each time, from first to longest, and each is randomly up to half
// longer or shorter. [backoff.ExponentialBackOff.Reset] begins again with first.
// The result must not be used by two goroutines at once.
func Endless(first, longest time.Duration) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(first),
		backoff.WithMaxInterval(longest), backoff.WithMaxElapsedTime(0))
}
