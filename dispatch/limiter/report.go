package limiter

import (
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A Result is how an attempt ended, as far as the limiter needs to know.
type Result uint8

// The results of attempts. The zero value means that the attempt failed.
const (
	Failed   Result = iota // in a way that may be the CRM's fault
	Accepted               // the CRM took the delivery
	Refused                // the CRM works, and does not want this delivery
	Gone                   // the CRM said that the URL no longer exists
)

// Feedback is what the caller reports to [Limiter.Done] about an attempt that has
// ended.
type Feedback struct {
	Result     Result
	NoAnswer   bool          // nothing was answered, in time or at all
	Overloaded bool          // the CRM said that it gets too many requests
	PauseAsked bool          // the CRM asked not to be called for some time
	Pause      time.Duration // how long that is; meaningless unless PauseAsked
	Took       time.Duration // how long the attempt took
	Undated    bool          // the clock is wrong: a failure does not tell how long the webhook has been failing
	Cause      lead.Cause    // why it failed; empty if it did not
	Doubt      bool          // it was accepted, and its answer plainly says failure
}

// A Report is what an attempt changes for its webhook.
type Report struct {
	// Opened and Closed are the events of the webhook's circuit breaker. Opened:
	// from now on its deliveries are held, and now and then one is let through as
	// a probe. Closed: that has ended.
	Opened, Closed bool

	// Recovered and Failing are to be written to the health record of the
	// webhook, which all instances share: whether it has recovered, and since
	// when it has been failing (zero if there is nothing to write).
	Recovered bool
	Failing   lead.Failing

	Doubts int // deliveries with doubt that are to be added to the health record

	Warn    bool        // the webhook will be disabled in one day unless it recovers
	Disable lead.Reason // why the webhook is to be disabled; empty if it is not
}

const (
	// A webhook is disabled once it has been failing for continually, over at
	// least timesContinually attempts, and at least warnBefore after the warning.
	continually, timesContinually = 72 * time.Hour, 10
	warnBefore                    = 24 * time.Hour

	// noteEvery is how often it is reported that a webhook is still failing, for
	// its health record, which the other instances read.
	noteEvery = time.Minute
)

// learn takes in the outcome of an attempt, and tells what it changes.
func (w *webhook) learn(f Feedback, now time.Time) Report {
	if f.Result == Accepted {
		doubts := w.doubt(f, now)
		healed := !w.failing.Since.IsZero() || !w.reannounce.IsZero() && !now.Before(w.reannounce)
		w.failing, w.noted = lead.Failing{}, time.Time{}
		if healed {
			w.reannounce = time.Time{}
		}
		return Report{Closed: w.succeeded(), Recovered: healed, Doubts: doubts}
	}
	wasOpen := w.open()
	if f.Result == Refused { // the CRM works, and does not want this one
		w.failures = 0
	} else {
		w.failed(f, now)
	}
	got := w.fails(f, now)
	got.Opened = w.open() && !wasOpen
	return got
}

// doubt counts a delivery with doubt, and returns how many have to be told now.
func (w *webhook) doubt(f Feedback, now time.Time) int {
	if !f.Doubt {
		return 0
	}
	w.doubts++
	if now.Sub(w.doubtsTold) < noteEvery {
		return 0
	}
	told := w.doubts
	w.doubts, w.doubtsTold = 0, now
	return told
}

// Reannounce makes a later Report say again that a webhook has recovered, if it
// has. Call it when the health record may not show that, because it could not be
// written or because a failure was written after it. Otherwise other instances
// would count the next failure as one of the old ones.
func (ls *Limiter) Reannounce(hook *lead.Webhook) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	w := ls.byID[hook.ID]
	if w != nil && w.version == hook.Version && w.failing.Since.IsZero() {
		w.reannounce = time.Now().Add(noteEvery)
	}
}

// fails counts a failed attempt, whatever its outcome.
func (w *webhook) fails(f Feedback, now time.Time) Report {
	var got Report
	if f.Result == Gone {
		got.Disable = lead.Gone
	}
	if f.Undated {
		return got
	}
	if w.failing.Since.IsZero() {
		w.failing.Since = now
	}
	w.failing.Attempts++
	lasts := now.Sub(w.failing.Since)
	if got.Warn = lasts >= continually-warnBefore && w.failing.Warned.IsZero(); got.Warn {
		w.failing.Warned = now
	}
	plainly := w.failing.Attempts == lead.PlainlyFailing // the moment from which on it is listed as failing
	if f.Result != Gone && lasts >= continually && w.failing.Attempts >= timesContinually && now.Sub(w.failing.Warned) >= warnBefore {
		got.Disable = lead.Exhausted
	}
	if got.Warn || plainly || got.Disable != "" || now.Sub(w.noted) >= noteEvery {
		w.noted, got.Failing = now, w.failing
	}
	return got
}
