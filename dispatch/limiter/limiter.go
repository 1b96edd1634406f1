// Package limiter decides when a delivery may be attempted. Each webhook gets as
// many attempts at once, and as many a second, as its CRM takes, but never so many
// that other webhooks have to wait for that CRM. Deliveries that a CRM does not
// take now do not wait in memory: they should come again later, at the CRM's pace.
// A webhook that is failing has its deliveries held and is probed, as by a circuit
// breaker, and a webhook whose CRM asks for a pause is paused.
//
// The caller calls [Limiter.Acquire], makes the attempt, and calls
// [Limiter.Done], which returns a [Report] if the attempt changed something for
// the webhook. Logging the report and writing it is left to the caller.
//
// The package does not know HTTP, Kafka or Redis: what an answer means, where a
// delivery waits until it comes again, or where the health of webhooks is kept. It
// knows only this process.
package limiter

import (
	"slices"
	"sync"
	"time"

	"github.com/leadhook/leadhook/lead"
)

const (
	// laneShare is the part of all attempts in flight that one lane may have,
	// behindAttempts the part that the lanes may have together that do not keep
	// up. Of deliveries and bytes those get behindShare: while they queue they
	// keep others from being fetched. returningShare is the part that the caller
	// keeps for deliveries that have waited.
	laneShare, behindAttempts, behindShare, returningShare = 16, 2, 4, 4

	// idleLane is for how long a lane without deliveries is remembered.
	idleLane = 10 * time.Minute
)

// The kinds of deliveries: those that were just published, and those that have
// waited.
const fresh, returning = 0, 1

// An amount is a part of what the process can hold at once. Fresh deliveries and
// those that have waited have their own parts, so that neither can use up what
// is the others'.
type amount struct {
	attempts         int
	fresh, returning load
}

// A load is deliveries that are held, queued or in flight.
type load struct{ deliveries, bytes int }

func (s *amount) add(o amount, sign int) {
	s.attempts += sign * o.attempts
	s.fresh.add(o.fresh, sign)
	s.returning.add(o.returning, sign)
}

func (l *load) add(o load, sign int) {
	l.deliveries += sign * o.deliveries
	l.bytes += sign * o.bytes
}

// reaches reports whether l is as much of all as the lanes may hold that do not
// keep up.
func (l load) reaches(all load) bool {
	return l.deliveries >= max(1, all.deliveries/behindShare) || l.bytes >= max(1, all.bytes/behindShare)
}

// everything is what a process can hold.
func everything(opts Options) amount {
	back := load{opts.OpenEvents / returningShare, opts.OpenBytes / returningShare}
	return amount{
		attempts: opts.MaxInFlight, returning: back,
		fresh: load{opts.OpenEvents - back.deliveries, opts.OpenBytes - back.bytes},
	}
}

// Options are the settings of a [Limiter]. All are required.
type Options struct {
	MaxInFlight int // attempts at the same time, over all webhooks

	// OpenEvents and OpenBytes are how much the caller handles at once.
	OpenEvents, OpenBytes int
}

// A Limiter distributes the attempts among the webhooks. It is safe for
// concurrent use.
type Limiter struct {
	all amount // what the process can hold at once

	mu           sync.Mutex
	byHook       map[string]*lane // guarded by mu, and every lane, host and ticket too
	byAdvertiser map[string][]*lane
	hosts        map[string]*host
	free         int      // attempts that may begin
	behind       amount   // held by the lanes that do not keep up
	ready        [2]ready // lanes with a delivery that only waits for an attempt to be free: those that keep up, and the others
	nextQueue    int      // the one of ready that is served next
	swept        time.Time
}

// ready is a queue of lanes.
type ready []*lane

func (r *ready) take() *lane {
	l := (*r)[0]
	(*r)[0] = nil
	*r = (*r)[1:]
	return l
}

// New returns a Limiter. It starts no goroutine.
func New(opts Options) *Limiter {
	all := everything(opts)
	return &Limiter{
		all: all, free: all.attempts,
		byHook: make(map[string]*lane), byAdvertiser: make(map[string][]*lane), hosts: make(map[string]*host),
	}
}

// InFlight returns the number of valid tickets, which is that of attempts in flight.
func (ls *Limiter) InFlight() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.all.attempts - ls.free
}

// Known returns how many webhooks and hosts the limiter remembers.
func (ls *Limiter) Known() (webhooks, hosts int) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return len(ls.byHook), len(ls.hosts)
}

// most is how many attempts one lane may have.
func (ls *Limiter) most() int { return max(1, ls.all.attempts/laneShare) }

// lane finds the webhook's lane, or makes it.
func (ls *Limiter) lane(hook *lead.Webhook, hostName string, now time.Time) *lane {
	ls.sweep(now)
	l, known := ls.byHook[hook.ID]
	switch {
	case !known:
		l = newLane(hook, ls.joinHost(hostName), now)
		ls.byHook[hook.ID] = l
		ls.byAdvertiser[hook.Advertiser] = append(ls.byAdvertiser[hook.Advertiser], l)
	case l.version != hook.Version:
		ls.sendBack(l, now)
		l.host.lanes--
		l.host = ls.joinHost(hostName)
		l.reset(hook, now)
		if l.timer != nil { // the rate that it waits for is over
			l.timer.Reset(0)
		}
	}
	l.used = now
	return l
}

// joinHost finds the host for one lane more, or makes it.
func (ls *Limiter) joinHost(name string) *host {
	h := ls.hosts[name]
	if h == nil {
		h = &host{}
		ls.hosts[name] = h
	}
	h.lanes++
	return h
}

// leaveAdvertiser forgets that the lane is one of its advertiser's.
func (ls *Limiter) leaveAdvertiser(l *lane) {
	others := slices.DeleteFunc(ls.byAdvertiser[l.advertiser], func(other *lane) bool { return other == l })
	if ls.byAdvertiser[l.advertiser] = others; len(others) == 0 {
		delete(ls.byAdvertiser, l.advertiser)
	}
}

// sweep forgets lanes that nothing has come to for long.
func (ls *Limiter) sweep(now time.Time) {
	if now.Sub(ls.swept) < idleLane/10 {
		return
	}
	ls.swept = now
	for id, l := range ls.byHook {
		if l.idle() && now.Sub(l.used) > idleLane {
			ls.classify(l, now)
			delete(ls.byHook, id)
			ls.leaveAdvertiser(l)
			l.host.lanes--
		}
	}
	for name, h := range ls.hosts {
		if h.lanes == 0 && !h.lowered(now) {
			delete(ls.hosts, name)
		}
	}
}

// classify finds out whether a lane keeps up, and moves what it holds to where it
// counts.
func (ls *Limiter) classify(l *lane, now time.Time) {
	behind := !l.idle() && (l.open() || !l.keepsUp(now, ls.most()))
	switch {
	case behind && !l.behind:
		ls.behind.add(l.held, 1)
	case !behind && l.behind:
		ls.behind.add(l.held, -1)
	}
	l.behind = behind
}

// hold counts what a lane holds.
func (ls *Limiter) hold(l *lane, s amount, sign int) {
	l.held.add(s, sign)
	if l.behind {
		ls.behind.add(s, sign)
	}
}

// crowded reports whether the lanes that do not keep up hold as many deliveries
// of a kind as they may.
func (ls *Limiter) crowded(kind int) bool {
	if kind == returning {
		return ls.behind.returning.reaches(ls.all.returning)
	}
	return ls.behind.fresh.reaches(ls.all.fresh)
}

// mayBegin reports whether nothing but the lane's own queue keeps an attempt from
// beginning.
func (ls *Limiter) mayBegin(l *lane, now time.Time) bool {
	if ls.free == 0 || l.room(now, ls.most()) <= 0 {
		return false
	}
	return !l.behind || ls.behind.attempts < max(1, ls.all.attempts/behindAttempts)
}

// begin gives an attempt to a ticket of the lane. A CRM that was sent nothing
// has left nothing unanswered.
func (ls *Limiter) begin(l *lane, now time.Time) {
	if l.inFlight == 0 {
		l.answered = now
	}
	ls.free--
	l.inFlight++
	ls.hold(l, amount{attempts: 1}, 1)
}

// enlist puts a lane to those that wait for a free attempt, once.
func (ls *Limiter) enlist(l *lane) {
	if l.waiting || l.queued() == 0 {
		return
	}
	l.waiting = true
	which := 0
	if l.behind {
		which = 1
	}
	ls.ready[which] = append(ls.ready[which], l)
}

// pump begins as many attempts as may begin: it goes on until each lane that
// waits had to be passed over. One that may not begin another is enlisted again
// when one of its own ends.
func (ls *Limiter) pump(now time.Time) {
	for passed := 0; ls.free > 0 && passed < len(ls.ready[0])+len(ls.ready[1]); {
		if len(ls.ready[ls.nextQueue]) == 0 {
			ls.nextQueue = 1 - ls.nextQueue
		}
		l := ls.ready[ls.nextQueue].take()
		ls.nextQueue = 1 - ls.nextQueue
		l.waiting = false
		ls.classify(l, now)
		switch {
		case ls.serve(l, now):
			passed = 0
			ls.enlist(l)
		case l.room(now, ls.most()) > 0 && l.timer == nil:
			passed++
			ls.enlist(l)
		}
	}
}

// serve begins the lane's next attempt if it may.
func (ls *Limiter) serve(l *lane, now time.Time) bool {
	if l.queued() == 0 || !ls.mayBegin(l, now) || !ls.inTime(l, now) {
		return false
	}
	t := l.next()
	ls.begin(l, now)
	t.answer <- later{}
	return true
}

// inTime asks the webhook's own rate for leave, and if there is none yet sees
// to it that it is asked again.
func (ls *Limiter) inTime(l *lane, now time.Time) bool {
	if l.limiter == nil || l.limiter.AllowN(now, 1) {
		return true
	}
	if l.timer == nil {
		r := l.limiter.ReserveN(now, 1)
		wait := r.DelayFrom(now)
		r.CancelAt(now)
		l.timer = time.AfterFunc(wait, func() {
			ls.mu.Lock()
			defer ls.mu.Unlock()
			l.timer = nil
			ls.enlist(l)
			ls.pump(time.Now())
		})
	}
	return false
}

// Done takes back the ticket of an attempt that was made. It returns what the
// attempt changes for its webhook, or nil if it changes nothing, which is so after
// most attempts. It does not block.
func (ls *Limiter) Done(t *Ticket, f Feedback) *Report {
	now := time.Now()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := t.lane
	full := l.inFlight >= int(l.limit) && int(l.limit) < ls.most() // what is never used need not be unlearnt
	ls.release(t)
	if t.probe {
		l.probing, l.probed = false, now
	}
	var report Report
	if t.version == l.version {
		report = l.learn(t.advertiser, f, now, full)
	}
	ls.classify(l, now)
	if l.open() || now.Before(l.paused) {
		ls.deferAll(l, now)
	}
	ls.enlist(l)
	ls.pump(now)
	if report == (Report{}) {
		return nil
	}
	return new(report)
}

// deferAll defers everything that a lane has queued.
func (ls *Limiter) deferAll(l *lane, now time.Time) {
	for l.queued() > 0 {
		t := l.next()
		ls.drop(t)
		t.answer <- later{at: l.until(now)}
	}
}

// Changed has everything that waits for the advertiser's webhooks ask again, since
// some of them changed: a lead must not wait for a rate that was raised, nor be sent
// to what was disabled. Attempts that were granted are not affected. It does not
// block.
func (ls *Limiter) Changed(advertiser string) {
	now := time.Now()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byAdvertiser[advertiser] {
		ls.sendBack(l, now)
	}
}

// sendBack has everything that a lane has queued ask again.
func (ls *Limiter) sendBack(l *lane, now time.Time) {
	for l.queued() > 0 {
		t := l.next()
		ls.drop(t)
		t.answer <- later{changed: true}
	}
	ls.classify(l, now)
}

// drop takes what a ticket holds out of the count.
func (ls *Limiter) drop(t *Ticket) { ls.hold(t.lane, t.amount(), -1) }

// release takes back a ticket's attempt, and what the ticket holds.
func (ls *Limiter) release(t *Ticket) {
	ls.free++
	t.lane.inFlight--
	ls.hold(t.lane, amount{attempts: 1}, -1)
	ls.drop(t)
}
