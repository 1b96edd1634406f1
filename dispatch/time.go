package dispatch

import (
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

// tolerated is how far the clocks of two instances may differ without a remark.
const tolerated = time.Minute

// putOffAtMost is longer than what waits for our own infrastructure is put off at a time.
const putOffAtMost = 10 * time.Minute

// expires reports whether a delivery that began at a time will have expired at another.
// While the clock cannot be believed, none does: an attempt more harms less than a lead
// that is not delivered.
func (d *Dispatcher) expires(begun, at time.Time) bool {
	return at.Sub(begun) >= d.opts.Expire && d.opts.ClockBelieved()
}

// correctTimes replaces times of a delivery that has waited that cannot be: the clock of
// the instance that wrote them was ahead, or somebody else wrote them. A delivery that
// began in the future begins now, so that it ends some day. One that is not to be attempted
// before it has expired is due: nothing waits longer than that.
func (d *Dispatcher) correctTimes(w *lead.Waiting) {
	if w.Reason != "" { // it is a dead letter already
		return
	}
	now := time.Now()
	if d.opts.ClockBelieved() {
		for _, t := range []*time.Time{&w.FirstAttempt, &w.FirstDeferral} {
			if t.After(now.Add(tolerated)) {
				*t = now
			}
		}
	}
	latest := now.Add(d.opts.Expire)
	if begun := w.Begun(); !begun.IsZero() && begun.Before(now) {
		latest = begun.Add(d.opts.Expire)
	}
	if soon := now.Add(putOffAtMost); latest.Before(soon) { // what waits for us may be put off when it expires
		latest = soon
	}
	if w.NotBefore.After(latest) {
		d.metrics.notBelieved.Inc()
		d.log.Warn("a delivery's next attempt was put off until after it expires, by a clock that was wrong; it is attempted now",
			zap.String("advertiser_id", w.Advertiser), zap.String("webhook_id", w.Webhook),
			zap.String("delivery_id", w.Delivery), zap.Time("not_before", w.NotBefore))
		w.NotBefore = now
	}
}
