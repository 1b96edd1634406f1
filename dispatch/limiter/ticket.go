package limiter

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/leadhook/leadhook/lead"
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
	version        string // of the webhook
	size           int    // bytes that are held while it lasts
	kind           uint8  // fresh or returning
	spent          bool   // it has spent some of its scheduled waits
	trial          bool   // the attempt tries whether a webhook that fails is back
	probe          bool   // the attempt asks whether a slow host is back
	begunSlowly    bool   // the attempt counts in host.slowly
	slowly         bool   // the attempt counts in Limiter.slowly
	few, fewOnHost bool   // the attempt began beside few others of the webhook, and of its host
	old            bool   // the attempt has taken a second

	delayed atomic.Bool // the attempt waits for something that is not the CRM

	webhook *webhook
	host    *host     // of the webhook when the attempt began
	came    time.Time // when it was asked for
	began   time.Time // when the attempt was granted

	place   link[Ticket] // among those that wait for the webhook, or among those in flight
	answer  answer
	answers chan *Ticket // gets the ticket when it has its answer; nil: Ask returns it
}

// An answer is when a delivery may come again; the zero value: it may begin now.
type answer struct {
	at      time.Time
	changed bool // it must ask again, since its webhook changed; at is then zero
}

// decide gives a ticket its answer.
func (t *Ticket) decide(a answer) {
	t.answer = a
	if t.answers != nil {
		t.answers <- t
	}
}

func (t *Ticket) load() load { return load{1, t.size} }

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
	if ls.Ask(r, t, nil) {
		return t.Answer()
	}
	return ls.Await(ctx, t)
}

// Ask is the beginning of Acquire, for callers that wait for many tickets in one place.
// It does not block. If it returns true, the ticket has its answer already. Otherwise
// the ticket will be sent on answers as soon as it has one, unless it is withdrawn
// before; answers must have room for it. Nil stands for a channel of the ticket's own.
func (ls *Limiter) Ask(r Request, t *Ticket, answers chan *Ticket) bool {
	*t = Ticket{version: r.Webhook.Version, size: r.Size, spent: r.Retried, came: time.Now()}
	if t.place.owner = t; r.Returned {
		t.kind = returning
	}
	now := t.came
	ls.mu.Lock()
	defer ls.unlock()
	w := ls.webhook(r.Webhook, r.Host, now)
	t.webhook = w
	if now.Before(w.paused) || w.open() {
		ls.tryOrHold(t, now)
		return true
	}
	if ls.tooLarge(t) {
		t.answer.at = ls.later(w, Crowded, now)
		return true
	}
	ls.enqueue(t, now)
	ls.pump(now)
	switch {
	case !t.waits():
		return true
	case !ls.mayWait(t, now):
		ls.take(t)
		t.answer.at = ls.later(w, Crowded, now)
		ls.update(w, now)
		return true
	}
	if t.answers = answers; answers == nil {
		t.answers = make(chan *Ticket, 1)
	}
	ls.watch(w, now)
	return false
}

// Answer returns what Acquire would, for a ticket that has its answer.
func (t *Ticket) Answer() (notBefore time.Time, err error) {
	if t.answer.changed {
		return time.Time{}, ErrChanged
	}
	return t.answer.at, nil
}

// Asked returns when the ticket was last asked for.
func (t *Ticket) Asked() time.Time { return t.came }

// enqueue has a ticket wait for its webhook.
func (ls *Limiter) enqueue(t *Ticket, now time.Time) {
	ls.pools[t.kind].open.add(t.load(), 1)
	t.webhook.queues[t.kind].push(&t.place)
	ls.count(t, 1)
	ls.update(t.webhook, now)
}

// waits reports whether the ticket has no answer yet.
func (t *Ticket) waits() bool { return t.place.in == &t.webhook.queues[t.kind] }

// take takes a ticket that waits, and that will not begin, out of its queue.
func (ls *Limiter) take(t *Ticket) *Ticket {
	ls.dequeue(t)
	ls.pools[t.kind].open.add(t.load(), -1)
	return t
}

// dequeue takes a ticket out of its queue.
func (ls *Limiter) dequeue(t *Ticket) {
	t.place.remove()
	ls.count(t, -1)
}

// Await waits for the answer to a ticket that has a channel of its own, and returns what
// Acquire does.
func (ls *Limiter) Await(ctx context.Context, t *Ticket) (time.Time, error) {
	select {
	case <-t.answers:
		return t.Answer()
	case <-ctx.Done():
	}
	if ls.Leave(t) {
		return time.Time{}, context.Cause(ctx)
	}
	notBefore, err := t.Answer()
	if notBefore.IsZero() {
		err = context.Cause(ctx)
	}
	return notBefore, err
}

// Wait waits for the answer to a ticket that has a channel of its own, for d at most and
// until ctx ends. It reports whether the ticket has it; [Limiter.Await] returns it.
func (ls *Limiter) Wait(ctx context.Context, t *Ticket, d time.Duration) bool {
	timer, _ := ls.timers.Get().(*time.Timer)
	if timer == nil {
		timer = time.NewTimer(d)
	} else {
		timer.Reset(d)
	}
	defer func() {
		timer.Stop()
		ls.timers.Put(timer)
	}()
	select {
	case <-t.answers:
		t.answers <- t
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// Delay says whether the attempt waits for something that is not the CRM. Meanwhile it
// does not grow old.
func (t *Ticket) Delay(is bool) { t.delayed.Store(is) }

// Begin has the attempt count from now on, after a delay that was long. It does not
// block.
func (ls *Limiter) Begin(t *Ticket) {
	ls.mu.Lock()
	defer ls.unlock()
	if !t.old {
		ls.restart(t, time.Now())
	}
}

// restart has a young attempt count from now on.
func (ls *Limiter) restart(t *Ticket, now time.Time) {
	t.began = now
	t.place.remove()
	ls.young.push(&t.place)
}

// Leave takes back a ticket that was asked for, whether it has its answer or not. It
// reports whether it had none. It does not block.
func (ls *Limiter) Leave(t *Ticket) bool {
	if ls.Withdraw(t) {
		return true
	}
	if notBefore, err := t.Answer(); err == nil && notBefore.IsZero() {
		ls.Cancel(t)
	}
	return false
}

// Withdraw takes back a ticket that was asked for. It returns false if the ticket has
// its answer already, which is on its way to the channel of Ask. It does not block.
func (ls *Limiter) Withdraw(t *Ticket) bool {
	ls.mu.Lock()
	defer ls.unlock()
	if !t.waits() {
		return false
	}
	now := time.Now()
	ls.update(ls.take(t).webhook, now)
	ls.pump(now)
	return true
}

// begin gives a ticket that waits nowhere, or no longer, an attempt.
func (ls *Limiter) begin(t *Ticket, now time.Time) {
	w, h := t.webhook, t.webhook.branch.host
	t.host, t.began = h, now
	t.begunSlowly = h.slow || w.class != prompt
	t.slowly = t.begunSlowly
	ls.inFlight(t, 1)
	t.few, t.fewOnHost = w.few(), h.few()
	w.peak, h.peak = max(w.peak, w.held), max(h.peak, h.held)
	if t.trial { // it did not wait
		ls.pools[t.kind].open.add(t.load(), 1)
	}
	w.gate.pass(now)
	h.gate.pass(now)
	ls.peak.note(ls.opts.MaxInFlight-ls.free-ls.slowly, now)
	ls.young.push(&t.place)
	ls.age(now)
}

// inFlight counts an attempt that begins, or that ends.
func (ls *Limiter) inFlight(t *Ticket, sign int) {
	ls.free -= sign
	t.webhook.held += sign
	t.host.held += sign
	if t.begunSlowly {
		t.host.slowly += sign
	}
	if t.slowly {
		ls.countSlowly(t, sign)
	}
	if t.probe {
		ls.probing += sign
	}
}

// countSlowly counts an attempt that is for, or turned out to be for, what is not prompt.
func (ls *Limiter) countSlowly(t *Ticket, sign int) {
	ls.slowly += sign
	ls.pools[t.kind].slowly += sign * t.size
}

// release takes back a ticket's attempt, and what the ticket holds.
func (ls *Limiter) release(t *Ticket, now time.Time) {
	ls.inFlight(t, -1)
	if t.old {
		t.webhook.old--
		t.host.old--
		if !t.begunSlowly {
			t.host.turned--
		}
	}
	if t.trial {
		t.webhook.trying, t.webhook.tried = false, now
	}
	t.place.remove()
	ls.pools[t.kind].open.add(t.load(), -1)
}
