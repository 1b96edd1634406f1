package dispatch

import (
	"net/http"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A lesson is what an attempt's outcome taught about its webhook, as far as
// somebody else should know.
type lesson struct {
	broke     bool         // the lane is taken for failing from now on
	recovered bool         // it is not any more
	healed    bool         // what the other instances were told of its failing is over
	note      lead.Failing // to be told to them; zero: nothing
	warn      bool         // it will be set inactive if it goes on like that
	disable   lead.Reason  // it is to be set inactive; empty: it is not
}

const (
	// A webhook is set inactive that has failed for so long and so often, and
	// was warned of so long before.
	continually, timesContinually = 72 * time.Hour, 10
	warnBefore                    = 24 * time.Hour

	// A webhook's failing is told to the other instances when it begins, and
	// then so often.
	noteEvery = time.Minute
)

// learn takes in the outcome of an attempt.
func (l *lane) learn(advertiser string, o outcome, now time.Time, full bool) lesson {
	if o.verdict == delivered {
		healed := !l.failing.Since.IsZero() || !l.untold.IsZero() && !now.Before(l.untold)
		l.failing, l.noted = lead.Failing{}, time.Time{}
		if healed {
			l.untold = time.Time{}
		}
		return lesson{recovered: l.succeeded(o, now, full), healed: healed}
	}
	wasOpen := l.open()
	if o.verdict == refused { // the CRM works, and does not want this one
		l.failures = 0
		l.answeredWell(o, now, full)
	} else {
		l.failed(o, now)
	}
	if o.overloaded() {
		l.host.overloaded(advertiser, now)
	}
	got := l.fails(o, now)
	got.broke = l.open() && !wasOpen
	return got
}

// mayBeUntold is for when the others could not be told that a webhook works, or
// were told after that how it had failed. They are told again: else they count
// its next failure as one of the old.
func (ls *lanes) mayBeUntold(hook *lead.Webhook) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.byHook[hook.ID]
	if l != nil && l.version == hook.Version && l.failing.Since.IsZero() {
		l.untold = time.Now().Add(noteEvery)
	}
}

// fails counts a failed attempt, whatever its outcome.
func (l *lane) fails(o outcome, now time.Time) lesson {
	if l.failing.Since.IsZero() {
		l.failing.Since = now
	}
	l.failing.Attempts++
	var got lesson
	lasts := now.Sub(l.failing.Since)
	if got.warn = lasts >= continually-warnBefore && l.failing.Warned.IsZero(); got.warn {
		l.failing.Warned = now
	}
	if got.warn || now.Sub(l.noted) >= noteEvery {
		l.noted, got.note = now, l.failing
	}
	switch {
	case o.verdict == gone:
		got.disable = lead.Gone
	case lasts >= continually && l.failing.Attempts >= timesContinually && now.Sub(l.failing.Warned) >= warnBefore:
		got.disable = lead.Exhausted
	}
	return got
}

// overloaded says whether an outcome means that the CRM has too much to do.
func (o outcome) overloaded() bool {
	return o.status == http.StatusTooManyRequests || o.status == http.StatusServiceUnavailable && o.pauseAsked
}
