//go:build faults

package faults

import (
	"fmt"
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
	killed    faultKind = iota // a process: SIGKILL, or SIGSTOP for longer than its session
	redisOff                   // Redis does not answer, or takes no writes
	redisLost                  // Redis has lost what it had
)

// A fault is something that a test broke: between which moments it broke, or
// for how long it was broken.
type fault struct {
	what     faultKind
	instance int // the number of the one that was killed
	from, to time.Time
}

func (f fault) String() string {
	switch f.what {
	case killed:
		return fmt.Sprintf("instance %d", f.instance)
	case redisOff:
		return "Redis away"
	default:
		return "Redis lost what it had"
	}
}

// faultTimes is when each fault began.
func faultTimes(faults []fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, fmt.Sprintf("%s (%s)", f.from.Format(time.StampMilli), f))
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

// What Redis may have lost when it was killed although it keeps its data: it writes them
// to its disk each second.
const redisFlush = time.Second

// heardAgain is how long an instance may take to hear that Redis is back: it asks each second.
const heardAgain = 2 * time.Second

// why finds the cause for next, although once was taken before.
func why(once, next *post, faults []fault) cause {
	for _, f := range faults {
		if c, found := f.killedDuring(once, next); found {
			return c
		}
	}
	if !once.answered() {
		return maybeReceived
	}
	for _, f := range faults {
		if f.hidLedger(once, next) {
			return noLedger
		}
	}
	return withoutCause
}

// killedDuring returns whether the fault is the end of the instance that made the first
// POST, while it did or before the ledger had its mark. The end of any other is no cause.
func (f fault) killedDuring(once, next *post) (cause, bool) {
	begin, end := time.UnixMicro(once.begin), time.UnixMicro(once.end)
	if f.what != killed || f.instance != int(once.instance) || f.to.Add(readDelay).Before(begin) || !time.UnixMicro(next.begin).After(f.from) {
		return "", false
	}
	if !end.Before(f.from) {
		return inFlight, true
	}
	return unmarked, f.from.Sub(end) <= markDelay
}

// hidLedger returns whether the fault kept the second POST from knowing of the first: Redis
// had lost the mark, or did not get it, or was not there to be asked.
func (f fault) hidLedger(once, next *post) bool {
	end, again := time.UnixMicro(once.end), time.UnixMicro(next.begin)
	if f.what == killed || !again.After(f.from) || !end.Before(f.to.Add(markDelay)) {
		return false
	}
	return f.what == redisLost || end.After(f.from.Add(-redisFlush-markDelay)) || again.Before(f.to.Add(heardAgain))
}
