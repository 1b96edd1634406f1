package dispatch

import (
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// An attemptEnd is how an attempt ended.
type attemptEnd struct {
	outcome  attempt.Outcome
	report   *limiter.Report // nil if nothing has changed for the webhook
	panicked bool            // a bug; outcome.Text says where
}

// A result is what became of a delivery for now, and what follows from it. The zero
// value means that nothing is decided yet.
type result struct {
	kind kind

	// attempted is true if an attempt has been made. The result is then written
	// even if ctx has ended, for some seconds: otherwise the next reader of the message
	// would repeat the attempt.
	attempted bool

	quickRetry bool // if scheduled or dead: another attempt within seconds may change that, and does no harm

	wait   time.Duration // if scheduled: how long until the next attempt
	at     time.Time     // if deferred or handedOver: when it is due again
	reason lead.Reason   // if dead: why
	text   string        // if dead: why, in plain words
}

// A kind of result. Its text is the outcome in metrics and in the log, except that
// a dead delivery has its reason there.
type kind uint8

const (
	undecided  kind = iota // nothing yet; a delivery is never settled with this kind
	delivered              // the CRM accepted it
	scheduled              // its attempt failed, and another one will follow
	deferred               // it was not attempted: its webhook does not take it now
	handedOver             // ctx ended during its attempt, which goes on
	dead                   // it becomes a dead letter
	repeated               // it had been settled before
	asksAgain              // it must ask for its ticket again; a delivery is never settled with this kind
)

func (k kind) String() string {
	return [...]string{"undecided", "delivered", "scheduled", "deferred", "handed_over", "dead", "repeated", "asks_again"}[k]
}

func deadBecause(reason lead.Reason, text string) result {
	return result{kind: dead, reason: reason, text: text}
}

// resultOf returns what follows from an attempt.
func (d *Dispatcher) resultOf(dl *delivery, end *attemptEnd) result {
	o := &end.outcome
	switch {
	case o.Verdict == attempt.Delivered:
		return result{kind: delivered, attempted: true}
	case end.panicked:
		return result{kind: dead, attempted: true, reason: lead.Internal, text: o.Text}
	case o.Final():
		return result{kind: dead, attempted: true, reason: o.Reason(), text: o.Text}
	}
	wait, more := scheduledWait(d.opts.Schedule, dl.history.Step, o)
	if !more {
		return result{kind: dead, attempted: true, reason: lead.Exhausted, text: o.Text, quickRetry: o.QuickRetry()}
	}
	return result{kind: scheduled, attempted: true, wait: wait, quickRetry: o.QuickRetry()}
}

// forLimiter returns what the limiter needs to know about an attempt. Only a CRM that is
// overloaded asks for a pause of the whole webhook; otherwise it is about this lead.
func forLimiter(o *attempt.Outcome) limiter.Feedback {
	return limiter.Feedback{
		Result: results[o.Verdict], NoAnswer: o.Status == 0,
		PauseAsked: o.PauseAsked && o.Overloaded(), Pause: o.Pause, Took: o.Took, Overloaded: o.Overloaded(),
		Cause: o.Cause(), Doubt: o.Doubt,
	}
}

// results has the limiter's result for each verdict.
var results = [attempt.Verdicts]limiter.Result{
	attempt.Delivered: limiter.Accepted, attempt.Transient: limiter.Failed, attempt.NeedsHuman: limiter.Failed,
	attempt.Gone: limiter.Gone, attempt.Refused: limiter.Refused,
}
