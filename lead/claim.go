package lead

import "time"

// A Claim is the ledger's answer to an instance that wants to attempt a delivery.
type Claim struct {
	// Reached is how far the delivery got. If that is further than its record says,
	// there is nothing to attempt, and nothing was claimed.
	Reached Mark

	// Held is how long another instance may still attempt the delivery; until then no
	// other must. Zero: it was claimed, or Redis does not answer.
	Held time.Duration

	// Number identifies the claim, to release it.
	Number uint64
}
