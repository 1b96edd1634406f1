package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/leadhook/leadhook/lead"
)

const (
	// patience is how long a delivery queues while its CRM does not keep up. An
	// attempt takes up to 15 seconds by default, so that they are 20 together,
	// and the look once a second.
	patience   = 4 * time.Second
	watchEvery = time.Second
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

// share is what the turn holds, beside an attempt.
func (t *turn) share() share {
	if t.returning {
		return share{returning: load{1, t.size}}
	}
	return share{fresh: load{1, t.size}}
}

// kind says which of a lane's queues the turn waits in.
func (t *turn) kind() int {
	if t.returning {
		return returning
	}
	return fresh
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
	if now.Before(l.paused) {
		return l.until(now), false
	}
	if l.open() {
		if ls.free == 0 || !l.mayProbe(t, now) || !ls.inTime(l, now) {
			return l.until(now), false
		}
		t.probe, l.probing = true, true
		ls.hold(l, t.share(), 1)
		ls.begin(l, now)
		return time.Time{}, false
	}
	ls.judge(l, now)
	if l.behind && ls.crowded(t.kind()) && len(l.queues[t.kind()]) > 0 {
		ls.makeRoom(l, now)
		return l.putOff(now), false
	}
	ls.hold(l, t.share(), 1)
	if l.queued() == 0 && ls.mayBegin(l, now) && ls.inTime(l, now) {
		ls.begin(l, now)
		return time.Time{}, false
	}
	t.answer = make(chan later, 1)
	l.queues[t.kind()] = append(l.queues[t.kind()], t)
	ls.watch(l, stalls)
	if l.room(now, ls.most()) > 0 && l.timer == nil {
		ls.enlist(l)
		ls.pump(now)
	}
	return time.Time{}, true
}

// await waits for the answer to a turn that queues.
func (ls *lanes) await(ctx context.Context, t *turn) (time.Time, error) {
	select {
	case answer := <-t.answer:
		return answer.at, nil
	case <-ctx.Done():
	}
	if ls.withdraw(t) {
		return time.Time{}, context.Cause(ctx)
	}
	if answer := <-t.answer; !answer.at.IsZero() {
		return answer.at, nil
	}
	ls.giveBack(t)
	return time.Time{}, context.Cause(ctx)
}

// watch looks after a lane that has a queue: once it may be found not to keep
// up, and then now and then.
func (ls *lanes) watch(l *lane, after time.Duration) {
	if l.watch == nil {
		l.watch = time.AfterFunc(after, func() {
			ls.mu.Lock()
			defer ls.mu.Unlock()
			l.watch = nil
			ls.relieve(l, time.Now())
			if l.queued() > 0 {
				ls.watch(l, watchEvery)
			}
		})
	}
}

// relieve puts off what has queued for long, and what is more than a lane may
// queue, if it is its own CRM that they wait for, and not for us.
func (ls *lanes) relieve(l *lane, now time.Time) {
	ls.judge(l, now)
	if !l.behind {
		return
	}
	for l.queued() > 0 && (now.Sub(l.oldest(now)) >= patience || l.queued() > l.capacity(now)) {
		t := l.next()
		ls.leave(t)
		t.answer <- later{at: l.putOff(now)}
	}
	ls.makeRoom(l, now)
}

// makeRoom puts off what a lane that does not keep up has queued beyond the
// next moment, while all of those lanes hold more than they may: it was queued
// while nobody knew yet that their CRMs do not take it. The newest go, since the
// age of the first may be all that shows that the lane does not keep up, and
// among them the oldest comes back first.
func (ls *lanes) makeRoom(l *lane, now time.Time) {
	keep := 1 + l.begins(now, moment)
	for kind := range l.queues {
		var out []*turn
		for len(l.queues[kind]) > keep && ls.crowded(kind) {
			t := l.takeLast(kind)
			ls.leave(t)
			out = append(out, t)
		}
		for _, t := range slices.Backward(out) {
			t.answer <- later{at: l.putOff(now)}
		}
	}
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
	ls.release(t)
	if t.probe {
		l.probing = false
	}
	ls.judge(l, now)
	ls.enlist(l)
	ls.pump(now)
}
