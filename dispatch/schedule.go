package dispatch

import (
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt"
)

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
func scheduledWait(schedule []time.Duration, step int, o attempt.Outcome) (time.Duration, bool) {
	if step >= len(schedule) {
		return 0, false
	}
	return max(schedule[step], o.Pause), true
}
