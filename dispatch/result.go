package dispatch

import (
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// attempted is what an attempt came to.
type attempted struct {
	outcome  attempt.Outcome
	report   *limiter.Report // nil if nothing has changed for the webhook
	panicked bool            // the attempt did, which is a bug; outcome says where
}

// A result is what became of a delivery, and what follows.
type result struct {
	kind kind

	// attempted is true if an attempt was made now. What came of it is written
	// down even if ctx ends: whoever reads the message next would make the
	// attempt again.
	attempted bool

	quickRetry bool // another attempt within seconds may help, and does no harm

	wait   time.Duration // scheduled: how long it waits
	at     time.Time     // deferred, handedOver: when it is due again
	reason lead.Reason   // dead: why
	text   string        // that in plain words
}

type kind uint8

const (
	delivered  kind = iota // the CRM has it
	scheduled              // its attempt failed; there will be another one
	deferred               // it was not attempted, because its webhook does not take it now
	handedOver             // ctx ended during its attempt, which goes on
	dead                   // it is to be a dead letter
	repeated               // it was settled before
)

func (k kind) String() string {
	return [...]string{"delivered", "scheduled", "deferred", "handed_over", "dead", "repeated"}[k]
}

func deadBecause(reason lead.Reason, text string) *result {
	return &result{kind: dead, reason: reason, text: text}
}

// wasDelivered is the result of most attempts.
var wasDelivered = &result{kind: delivered, attempted: true}

// resultOf returns what follows from an attempt.
func (d *Dispatcher) resultOf(dl *delivery, a *attempted) *result {
	o := &a.outcome
	switch {
	case o.Verdict == attempt.Delivered:
		return wasDelivered
	case a.panicked:
		return &result{kind: dead, attempted: true, reason: lead.Internal, text: o.Text}
	case o.Final():
		return &result{kind: dead, attempted: true, reason: o.Reason(), text: o.Text}
	}
	wait, more := scheduledWait(d.opts.Schedule, dl.history.Step, o)
	if !more {
		return &result{kind: dead, attempted: true, reason: lead.Exhausted, text: o.Text, quickRetry: o.QuickRetry()}
	}
	return &result{kind: scheduled, attempted: true, wait: wait, quickRetry: o.QuickRetry()}
}

// forLimiter is what the limiter needs to know of an attempt.
func forLimiter(o *attempt.Outcome) limiter.Outcome {
	return limiter.Outcome{
		Result: results[o.Verdict], PauseAsked: o.PauseAsked, Pause: o.Pause, Took: o.Took, Overloaded: o.Overloaded(),
	}
}

// results are the verdicts as the limiter knows them.
var results = [attempt.Verdicts]limiter.Result{
	attempt.Delivered: limiter.Accepted, attempt.Transient: limiter.Failed, attempt.NeedsHuman: limiter.Failed,
	attempt.Gone: limiter.Gone, attempt.Refused: limiter.Refused,
}
