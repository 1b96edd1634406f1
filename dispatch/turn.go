package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/leadhook/leadhook/lead"
)

const (
	// patience is how long a delivery queues while its CRM does not keep up, and
	// overflow how long beyond what a lane may queue. An attempt takes up to 15
	// seconds by default, and quick retries five: together 25 at most.
	patience = 5 * time.Second
	overflow = time.Second
)

// A turn is a delivery's wait for an attempt, and then the attempt.
type turn struct {
	advertiser string
	version    string // of the webhook
	size       int    // bytes that are held while it lasts
	returning  bool   // it has waited in Kafka
	spent      bool   // it has spent some of its scheduled waits
	probe      bool   // the attempt probes a lane that fails

	lane   *lane
	came   time.Time
	answer chan later // has room for the one answer
}

// later is when a delivery may come again; the zero value: it may begin now.
type later struct{ at time.Time }

// enter waits for the turn of a delivery. It returns the zero time when an
// attempt may begin, which must be given back with end; else when the delivery
// is to come again, since its CRM does not take it now. The error says that ctx
// ended first.
func (ls *lanes) enter(ctx context.Context, hook *lead.Webhook, hostName string, t *turn) (time.Time, error) {
	if ctx.Err() != nil {
		return time.Time{}, context.Cause(ctx)
	}
	t.came, t.version, t.advertiser = time.Now(), hook.Version, hook.Advertiser
	ls.mu.Lock()
	t.lane = ls.lane(hook, hostName, t.came)
	at, waits := ls.admit(t)
	ls.mu.Unlock()
	if !waits {
		return at, nil
	}
	return ls.await(ctx, t)
}

// admit lets a turn begin, puts it off, or queues it.
func (ls *lanes) admit(t *turn) (at time.Time, waits bool) {
	l, now := t.lane, t.came
	mine := share{deliveries: 1, bytes: t.size}
	if l.open() {
		if ls.free == 0 || !l.mayProbe(t, now) {
			return l.until(now), false
		}
		t.probe, l.probing = true, true
		ls.hold(l, mine, 1)
		ls.begin(l)
		return time.Time{}, false
	}
	if now.Before(l.paused) {
		return l.until(now), false
	}
	ls.judge(l, now)
	if l.behind && ls.crowded() {
		return l.putOff(now), false
	}
	ls.hold(l, mine, 1)
	if l.queued() == 0 && ls.mayBegin(l, now) && ls.inTime(l, now) {
		ls.begin(l)
		return time.Time{}, false
	}
	t.answer = make(chan later, 1)
	which := 0
	if t.returning {
		which = 1
	}
	l.queues[which] = append(l.queues[which], t)
	if l.room(now, ls.most()) > 0 && l.timer == nil {
		ls.enlist(l)
		ls.pump(now)
	}
	return time.Time{}, true
}

// await waits for the answer to a turn that queues.
func (ls *lanes) await(ctx context.Context, t *turn) (time.Time, error) {
	timer := time.NewTimer(ls.patienceFor(t))
	defer timer.Stop()
	for {
		select {
		case answer := <-t.answer:
			return answer.at, nil
		case <-ctx.Done():
			if ls.withdraw(t) {
				return time.Time{}, context.Cause(ctx)
			}
			if answer := <-t.answer; !answer.at.IsZero() {
				return answer.at, nil
			}
			ls.giveBack(t)
			return time.Time{}, context.Cause(ctx)
		case <-timer.C:
			if at, off := ls.expire(t); off {
				return at, nil
			}
			timer.Reset(overflow)
		}
	}
}

func (ls *lanes) patienceFor(t *turn) time.Duration {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if t.lane.queued() > t.lane.capacity(t.came) {
		return overflow
	}
	return patience
}

// expire puts off a turn that has queued for long, if it is its own CRM that it
// waits for, and not for us.
func (ls *lanes) expire(t *turn) (at time.Time, off bool) {
	now := time.Now()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := t.lane
	ls.judge(l, now)
	ours := !l.behind
	short := now.Sub(t.came) < patience && l.queued() <= l.capacity(now)
	if ours || short || !ls.remove(t) {
		return time.Time{}, false
	}
	return l.putOff(now), true
}

// withdraw takes a turn out of its queue; false: it has its answer.
func (ls *lanes) withdraw(t *turn) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.remove(t)
}

// remove looks from the end, where those are that wait for least.
func (ls *lanes) remove(t *turn) bool {
	for n, q := range t.lane.queues {
		for i := len(q) - 1; i >= 0; i-- {
			if q[i] == t {
				t.lane.queues[n] = slices.Delete(q, i, i+1)
				ls.leave(t)
				return true
			}
		}
	}
	return false
}

// giveBack ends a turn whose attempt was not made.
func (ls *lanes) giveBack(t *turn) {
	now := time.Now()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := t.lane
	ls.free++
	l.inFlight--
	ls.hold(l, share{attempts: 1, deliveries: 1, bytes: t.size}, -1)
	if t.probe {
		l.probing = false
	}
	ls.judge(l, now)
	ls.enlist(l)
	ls.pump(now)
}
