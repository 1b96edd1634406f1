package limiter

import (
	"context"
	"errors"
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
	Host    string // of the webhook's URL, with scheme and port; webhooks of several advertisers may have the same
	Size    int    // bytes that the delivery holds in memory

	Returned bool // the delivery has waited in a retry topic
	Retried  bool // the delivery has had at least one scheduled wait
}

// A Ticket is the permit for one attempt: [Limiter.Acquire] issues it, and
// [Limiter.Done] or [Limiter.Cancel] takes it back. The caller provides the memory,
// for example as a field of its own struct, so that it costs no allocation. The zero
// value is ready for use, and a ticket that was taken back can be used again. It
// must not be copied while it is valid.
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

// amount is what the ticket holds, beside an attempt.
func (t *Ticket) amount() amount {
	if t.returning {
		return amount{returning: load{1, t.size}}
	}
	return amount{fresh: load{1, t.size}}
}

// kind says which of a lane's queues the ticket waits in.
func (t *Ticket) kind() int {
	if t.returning {
		return returning
	}
	return fresh
}

// later is when a delivery may come again; the zero value: it may begin now.
type later struct {
	at      time.Time
	changed bool // it must ask again, since its webhook changed; at is then zero
}

// ErrChanged is the error of [Limiter.Acquire] if the webhook changed while the
// delivery waited.
var ErrChanged = errors.New("the webhook changed while a delivery waited for it")

// Acquire waits until an attempt may begin. Then it returns the zero time, and t
// is valid: the caller must pass it to Done or Cancel. Any other time is when the
// delivery should come again, because the CRM does not take it now; t is then not
// valid, nor is it with an error. Acquire blocks for as long as the CRM keeps up
// with what waits for it, and otherwise for some seconds at most. Its error is the
// cause of the end of ctx, or [ErrChanged]: the caller looks the webhook up and asks
// again if it still exists.
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

// admit lets an attempt begin, defers it, or queues it.
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
		ls.hold(l, t.amount(), 1)
		ls.begin(l, now)
		return time.Time{}, false
	}
	ls.classify(l, now)
	if l.behind && ls.crowded(t.kind()) && len(l.queues[t.kind()]) > 0 {
		ls.deferNewest(l, now)
		return l.nextSlot(now), false
	}
	ls.hold(l, t.amount(), 1)
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

// await waits for the answer to a ticket that queues.
func (ls *Limiter) await(ctx context.Context, t *Ticket) (time.Time, error) {
	select {
	case answer := <-t.answer:
		if answer.changed {
			return time.Time{}, ErrChanged
		}
		return answer.at, nil
	case <-ctx.Done():
	}
	if ls.dequeue(t) {
		return time.Time{}, context.Cause(ctx)
	}
	switch answer := <-t.answer; {
	case answer.changed:
		return time.Time{}, context.Cause(ctx)
	case !answer.at.IsZero():
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
			ls.deferOverdue(l, time.Now())
			if l.queued() > 0 {
				ls.watch(l, watchEvery)
			}
		})
	}
}

// deferOverdue defers what has queued for long, and what is more than a lane may
// queue, if it is its own CRM that they wait for, and not for us.
func (ls *Limiter) deferOverdue(l *lane, now time.Time) {
	ls.classify(l, now)
	if !l.behind {
		return
	}
	for l.queued() > 0 && (now.Sub(l.oldest(now)) >= patience || l.queued() > l.capacity(now)) {
		t := l.next()
		ls.drop(t)
		t.answer <- later{at: l.nextSlot(now)}
	}
	ls.deferNewest(l, now)
}

// deferNewest defers what a lane that does not keep up has queued beyond the
// next moment, while all of those lanes hold more than they may: it was queued
// before it was known that their CRMs do not take it. The newest go, since the
// age of the first may be all that shows that the lane does not keep up, and
// among them the oldest comes back first.
func (ls *Limiter) deferNewest(l *lane, now time.Time) {
	keep := 1 + l.begins(now, moment)
	for kind := range l.queues {
		var out []*Ticket
		for len(l.queues[kind]) > keep && ls.crowded(kind) {
			t := l.takeLast(kind)
			ls.drop(t)
			out = append(out, t)
		}
		for _, t := range slices.Backward(out) {
			t.answer <- later{at: l.nextSlot(now)}
		}
	}
}

// dequeue takes a ticket out of its queue, and returns false if it has its answer
// already. It looks from the end, where those are that have waited least.
func (ls *Limiter) dequeue(t *Ticket) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for n, q := range t.lane.queues {
		for i := len(q) - 1; i >= 0; i-- {
			if q[i] == t {
				t.lane.queues[n] = slices.Delete(q, i, i+1)
				ls.drop(t)
				return true
			}
		}
	}
	return false
}

// Cancel takes back the ticket of an attempt that was not made. It does not block.
func (ls *Limiter) Cancel(t *Ticket) {
	now := time.Now()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := t.lane
	ls.release(t)
	if t.probe {
		l.probing = false
	}
	ls.classify(l, now)
	ls.enlist(l)
	ls.pump(now)
}
