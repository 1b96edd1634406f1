package limiter

import "time"

// deferral returns how long a delivery is deferred whose CRM has been failing for the
// given time: a short outage costs a short delay, and a long one little traffic.
func deferral(failing time.Duration) time.Duration {
	switch {
	case failing < time.Minute:
		return shortestDeferral
	case failing < 10*time.Minute:
		return time.Minute
	case failing < time.Hour:
		return 5 * time.Minute
	}
	return 30 * time.Minute
}

// shortestDeferral is the shortest time that a delivery is deferred for.
const shortestDeferral = 10 * time.Second
