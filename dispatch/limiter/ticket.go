package limiter

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

// A Request asks for an attempt at a delivery.
type Request struct {
	Webhook *lead.Webhook
	Host    string // of the webhook's URL, with scheme and port: what webhooks of several advertisers may share
	Size    int    // bytes that the delivery holds in memory

	Returned bool // the delivery has waited in a retry topic
	Retried  bool // it has spent some of its scheduled waits
}

// A Ticket is the permit for one attempt, given by Acquire and taken back by
// Done or Cancel. It belongs to the caller, so that it can lie in a struct of
// theirs; the zero value is ready, and one that was taken back can be used
// again.
type Ticket struct {
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
func (t *Ticket) share() share {
	if t.returning {
		return share{returning: load{1, t.size}}
	}
	return share{fresh: load{1, t.size}}
}

// kind says which of a lane's queues the turn waits in.
func (t *Ticket) kind() int {
	if t.returning {
		return returning
	}
	return fresh
}

// later is when a delivery may come again; the zero value: it may begin now.
type later struct{ at time.Time }

// Acquire waits until an attempt may begin, and then returns the zero time: t
// is valid, and must be given to Done or Cancel. A time that is not zero is
// when the delivery should come again, because the CRM does not take it now;
// then, and with an error, there is nothing to give back. Acquire blocks while
// the CRM takes what waits for it, for some seconds at most if it does not; its
// error is the cause of the end of ctx.
func (ls *Limiter) Acquire(ctx context.Context, r Request, t *Ticket) (notBefore time.Time, err error) {
	if ctx.Err() != nil {
		return time.Time{}, context.Cause(ctx)
	}
	*t = Ticket{
		advertiser: r.Webhook.Advertiser, version: r.Webhook.Version,
		size: r.Size, returning: r.Returned, spent: r.Retried, came: time.Now(),
	}
	ls.mu.Lock()
	t.lane = ls.lane(r.Webhook, r.Host, t.came)
	at, waits := ls.admit(t)
	ls.mu.Unlock()
	if !waits {
		return at, nil
	}
	return ls.await(ctx, t)
}

// admit lets a turn begin, puts it off, or queues it.
func (ls *Limiter) admit(t *Ticket) (at time.Time, waits bool) {
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
func (ls *Limiter) await(ctx context.Context, t *Ticket) (time.Time, error) {
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
	ls.Cancel(t)
	return time.Time{}, context.Cause(ctx)
}

// watch looks after a lane that has a queue: once it may be found not to keep
// up, and then now and then.
func (ls *Limiter) watch(l *lane, after time.Duration) {
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
func (ls *Limiter) relieve(l *lane, now time.Time) {
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
func (ls *Limiter) makeRoom(l *lane, now time.Time) {
	keep := 1 + l.begins(now, moment)
	for kind := range l.queues {
		var out []*Ticket
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
func (ls *Limiter) withdraw(t *Ticket) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.remove(t)
}

// remove looks from the end, where those are that wait for least.
func (ls *Limiter) remove(t *Ticket) bool {
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

// Cancel takes back the ticket of an attempt that was not made. It does not
// block.
func (ls *Limiter) Cancel(t *Ticket) {
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
