package limiter

import "time"

const (
	// breaksAfter is how many attempts must fail in a row until a webhook is taken
	// for failing.
	breaksAfter = 5

	// A webhook that fails is tried so often, in parts of the time that it has
	// been failing, within these bounds.
	tryPart                 = 20
	oftenTried, seldomTried = time.Second, 30 * time.Second

	// A trial costs its delivery one of its waits. Those that have spent some
	// already are taken only when no other came for so long.
	spareSpent = 15 * time.Second

	// How long a webhook is paused that says that it gets too many requests, and not
	// for how long. It doubles.
	firstPause, longestPause = time.Second, time.Minute

	// A slow host of which all attempts are old is asked so often whether it is back,
	// by one attempt more. All these together may have a part of the attempts.
	probeEvery, probeSeldom = time.Second, 15 * time.Second
	probePart, probeFree    = 16, 32
)

// A breaker holds the deliveries of a webhook that fails, or whose CRM asked for a
// pause.
type breaker struct {
	failures  int       // in a row
	openSince time.Time // since when it has been failing; zero: it is not
	trying    bool
	tried     time.Time     // when the last trial ended
	paused    time.Time     // the CRM asked not to be called before
	pause     time.Duration // the last one that the CRM did not ask for
}

func (b *breaker) open() bool { return !b.openSince.IsZero() && !isolationOff }

// mayTry reports whether a webhook that fails, or is paused, may try this delivery.
func (ls *Limiter) mayTry(w *webhook, t *Ticket, now time.Time) bool {
	if now.Before(w.paused) || w.trying || !ls.freeForTrial(w) || w.branch.host.full(now) {
		return false
	}
	since := now.Sub(w.tried)
	if since < min(max(now.Sub(w.openSince)/tryPart, oftenTried), seldomTried) || t.spent && since < spareSpent {
		return false
	}
	return w.gate.allows(now) && w.branch.host.gate.allows(now)
}

// freeForTrial reports whether an attempt is free for a trial. While slow ones use all
// but the reserve, one that will not take long may use some of it: else nobody would
// find out that the webhook is back for as long as the slow ones last.
func (ls *Limiter) freeForTrial(w *webhook) bool {
	h := w.branch.host
	return !ls.scarce() || w.class == prompt && !h.slow && h.old == 0 && ls.free > ls.opts.MaxInFlight/probeFree
}

// tryOrHold begins a trial of a webhook that fails or is paused, if it is time for one,
// or defers the delivery.
func (ls *Limiter) tryOrHold(t *Ticket, now time.Time) {
	w := t.webhook
	if !ls.mayTry(w, t, now) {
		t.answer.at = ls.held(w, now)
		return
	}
	w.trying, t.trial = true, true
	ls.begin(t, now)
	ls.update(w, now)
}

// held returns when a delivery may come again that a webhook does not take now,
// since it fails or is paused, and counts it.
func (ls *Limiter) held(w *webhook, now time.Time) time.Time {
	if !w.open() {
		if w.pause == 0 { // it was asked for
			ls.deferred[Paused]++
			return w.paused
		}
		return ls.later(w, Paused, now)
	}
	ls.deferred[Failing]++
	return latest(w.paused, ls.turn(w, 0, now.Add(deferral(w.tried.Sub(w.openSince))), now))
}

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

// deferAll defers everything that waits for a webhook that fails or is paused.
func (ls *Limiter) deferAll(w *webhook, now time.Time) {
	for w.queued() > 0 {
		ls.take(w.next()).decide(answer{at: ls.held(w, now)})
	}
}

// succeeded notes that the CRM answered as it should. It reports whether the webhook
// was failing until then.
func (b *breaker) succeeded() (recovered bool) {
	recovered = b.open()
	b.failures, b.openSince, b.pause = 0, time.Time{}, 0
	return recovered
}

// failed notes that an attempt failed in a way that may be the CRM's.
func (b *breaker) failed(f Feedback, now time.Time) {
	b.failures++
	switch {
	case f.PauseAsked:
		b.paused, b.pause = now.Add(f.Pause), 0
	case f.Overloaded && !now.Before(b.paused) && !isolationOff:
		b.pause = min(max(firstPause, 2*b.pause), longestPause)
		b.paused = now.Add(b.pause)
	}
	if b.failures >= breaksAfter && b.openSince.IsZero() {
		b.openSince, b.tried = now, now
	}
}

// probeHost begins one attempt more, of a webhook that something waits for, where all
// attempts at a slow host are old: it would be noticed late that it is back.
func (ls *Limiter) probeHost(w *webhook, now time.Time) {
	h := w.branch.host
	switch {
	case h.held == 0, h.held > h.old, now.Sub(h.asked) < h.every, h.most > 0 && h.held >= h.most:
	case ls.probing >= max(1, ls.opts.MaxInFlight/probePart), ls.free <= ls.opts.MaxInFlight/probeFree:
	case !w.gate.allows(now), !h.gate.allows(now):
	default:
		h.asked = now
		t := w.next()
		t.probe = true
		ls.start(t, now)
	}
}
