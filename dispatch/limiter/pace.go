package limiter

import (
	"math"
	"time"
)

const (
	// shortestDeferral is the shortest time that a delivery is deferred for, and
	// longestTurn the longest one for which it has to wait for those before it.
	shortestDeferral, longestTurn = 10 * time.Second, 10 * time.Minute

	// fewestBacklog is how many may wait for a webhook however slowly they begin.
	fewestBacklog = 16

	// returnsPerSecond is how many come again a second of those that are deferred
	// at no known pace.
	returnsPerSecond = 2000

	// The spans over which it is measured what webhooks and hosts take.
	webhookSpan, hostSpan = 10 * time.Second, 2 * time.Second
)

// A meter measures how often something happens a second, what is newer counting
// more. The zero value is ready.
type meter struct {
	count       float64 // as it was at last
	first, last time.Time
}

// forgets is how many spans after the last event a meter knows nothing any more.
const forgets = 6

func (m *meter) add(now time.Time, span time.Duration) {
	if now.Sub(m.last) > forgets*span {
		*m = meter{first: now}
	} else {
		m.count *= fades(now.Sub(m.last), span)
	}
	m.count++
	m.last = now
}

// perSecond returns the rate over about the given span, which must be the one of
// add, and zero if it is not known.
func (m *meter) perSecond(now time.Time, span time.Duration) float64 {
	if m.count == 0 || now.Sub(m.last) > forgets*span {
		return 0
	}
	known := max(now.Sub(m.first), time.Second)
	return m.count * fades(now.Sub(m.last), span) / span.Seconds() / (1 - fades(known, span))
}

// fades is how much of what was counted is left after so long.
func fades(after, span time.Duration) float64 { return math.Exp(-after.Seconds() / span.Seconds()) }

// pace is how many deliveries a second the CRM takes; zero: it is not known.
func (w *webhook) pace(now time.Time) float64 {
	pace := w.meter.perSecond(now, webhookSpan)
	if w.held > 0 && pace > 0 {
		each := max(w.latency, now.Sub(w.answered), time.Millisecond)
		pace = max(pace, float64(w.held)/each.Seconds())
	}
	growing := w.growing(now) || w.branch.host.growing(now)
	switch known := w.gate.limiter; {
	case known != nil && growing:
		return float64(known.Limit())
	case known != nil:
		return min(float64(known.Limit()), max(pace, 1))
	case growing:
		return 0
	}
	return pace
}

// backlog is how many deliveries may wait for a webhook: where they wait for its CRM,
// those that will begin until they could come again at the earliest, and a few.
func (ls *Limiter) backlog(w *webhook, now time.Time) int {
	pace := w.pace(now)
	if pace == 0 || ls.waitsForUs(w) {
		return math.MaxInt
	}
	return max(fewestBacklog, int(pace*shortestDeferral.Seconds()))
}

// later returns when a delivery comes again that a webhook does not take now, at the
// pace that its CRM takes them, and counts it.
func (ls *Limiter) later(w *webhook, c Cause, now time.Time) time.Time {
	ls.deferred[c]++
	if c == Crowded && w.branch.host.slow {
		ls.beginHeldBack(w.branch.host, now)
	}
	return ls.turn(w, w.pace(now), now.Add(shortestDeferral), now)
}

// turn returns when the next delivery of a webhook comes again that was deferred: one
// after the other, so that a backlog waits in one place.
func (ls *Limiter) turn(w *webhook, pace float64, earliest, now time.Time) time.Time {
	apart := inSeconds(1 / max(pace, 1)) // with few leads the pace is theirs, not the CRM's
	if pace == 0 {
		apart = ls.apart(w, now)
	}
	w.slot = latest(earliest, w.slot.Add(apart))
	if end := earliest.Add(longestTurn); w.slot.After(end) {
		w.slot = end
	}
	return w.slot
}

// apart returns how far apart the deliveries of a webhook come again whose pace is not
// known. Each such webhook has its part of what may come again: together they must not
// take the CPU that others need.
func (ls *Limiter) apart(w *webhook, now time.Time) time.Duration {
	const few = 2 // more than the one that may be added
	ls.putOff.push(&w.putOff)
	for range few {
		if first := ls.putOff.front(); first != w && first.slot.Before(now) {
			first.putOff.remove()
		}
	}
	return time.Duration(ls.putOff.n) * time.Second / returnsPerSecond
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
