//go:build faults

package faults

import (
	"strings"
	"time"
)

// A cause is why a CRM has got a lead twice, as far as that is allowed.
type cause string

// The causes. With the last one, a test has failed.
const (
	inFlight      cause = "in flight"      // a process was killed while it made the attempt
	unmarked      cause = "ledger batch"   // it was killed before the ledger had the mark of the answered attempt
	maybeReceived cause = "maybe received" // the CRM took the lead and did not say so
	noLedger      cause = "Redis"          // the ledger was away, or lost
	withoutCause  cause = "WITHOUT CAUSE"
)

// A faultKind is what a test breaks that may make a lead come twice.
type faultKind int

const (
	killed   faultKind = iota // a process: SIGKILL, or SIGSTOP for longer than its session
	redisOff                  // Redis does not answer, or has lost everything
)

// A fault is something that a test broke: between which moments it broke, or
// for how long it was broken.
type fault struct {
	what     faultKind
	from, to time.Time
}

// faultTimes is when each fault began.
func faultTimes(faults []fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.from.Format(time.StampMilli))
	}
	return strings.Join(all, ", ")
}

// markDelay is how long the mark of an answered attempt may take to get into
// the ledger: a batch of 50 ms, and some time to read the answer and to be
// heard by Redis on a busy machine.
const markDelay = 150 * time.Millisecond

// readDelay is how long a request that a process had sent may lie in the socket
// until the CRM reads it: a busy machine takes that long to wake the CRM, which
// notes only then that the POST began.
const readDelay = 150 * time.Millisecond

// why finds the cause for next, although once was taken before.
func why(once, next *post, faults []fault) cause {
	begin, end := time.UnixMicro(once.begin), time.UnixMicro(once.end)
	again := time.UnixMicro(next.begin)
	for _, f := range faults {
		if f.what != killed || f.to.Add(readDelay).Before(begin) || !again.After(f.from) {
			continue
		}
		if !end.Before(f.from) {
			return inFlight
		}
		if f.from.Sub(end) <= markDelay {
			return unmarked
		}
	}
	if !once.answered() {
		return maybeReceived
	}
	for _, f := range faults {
		if f.what == redisOff && again.After(f.from) && end.Before(f.to.Add(markDelay)) {
			return noLedger
		}
	}
	return withoutCause
}
