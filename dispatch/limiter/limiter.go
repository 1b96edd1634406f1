// Package limiter decides when a delivery may be attempted: it shares out the attempts
// that a process can make at once, so that no CRM, provider or advertiser can hold up
// the leads of others.
//
//   - Whoever answers promptly always finds a free attempt: webhooks and hosts that
//     do not, or are not known yet, leave the last eighth to those that do, and as
//     many more as those needed lately (choose.go, class.go).
//   - Of all that wait, the host that holds fewest attempts is next; its advertisers
//     take turns, and their webhooks too.
//   - Each webhook and each host has a ceiling of attempts at once, which follows
//     what its CRM takes (ceiling.go), and perhaps a rate (gate.go).
//   - What a CRM does not take now waits in memory only within bounds (room.go).
//     The rest should come again later, at the CRM's pace (pace.go).
//   - A webhook that is failing has its deliveries held and is probed, as by a circuit
//     breaker, and one whose CRM asks for a pause is paused (breaker.go).
//
// The caller calls [Limiter.Acquire], makes the attempt, and calls [Limiter.Done],
// which returns a [Report] if the attempt changed something for the webhook. Logging
// the report and writing it is left to the caller.
//
// Every decision takes the same time, however many webhooks are known or wait, and
// what is remembered is bounded.
//
// The package does not know HTTP, Kafka or Redis: what an answer means, where a
// delivery waits until it comes again, or where the health of webhooks is kept. It
// knows only this process.
package limiter

import (
	"sync"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// Options are the settings of a [Limiter]. All are required but those that say so.
type Options struct {
	MaxInFlight int // attempts at the same time, over all webhooks

	// OpenEvents and OpenBytes are how much the caller handles at once. It keeps a
	// quarter of that for deliveries that have waited.
	OpenEvents, OpenBytes int

	// HostLimits has what is known of hosts, by [Request.Host]; nil: of none.
	HostLimits map[string]HostLimit

	// HeldBack is called, with the host of some webhooks, when its deliveries begin
	// to be held back since it is slow, and when that is over. Nil: nobody wants to
	// know. It is called once at a time, and must not call the Limiter.
	HeldBack func(host string, began bool)
}

// A HostLimit is what a host takes from this process. A field that is zero is not
// known: the host gets as much as it turns out to take.
type HostLimit struct {
	Attempts int     // at the same time
	Rate     float64 // attempts a second
}

// A Limiter distributes the attempts among the webhooks. It is safe for
// concurrent use.
type Limiter struct {
	opts   Options
	timers sync.Pool // of Wait, to be used again

	mu           sync.Mutex // guards all below, and every webhook, branch, host and ticket
	byID         map[string]*webhook
	byAdvertiser map[string][]*webhook
	hosts        map[string]*host
	once, recent list[webhook] // for which one delivery has come, and several; in the order of their use

	ready   [standings]ready // hosts for which an attempt could begin
	free    int              // attempts that may begin
	slowly  int              // of those in flight, the ones that were begun for, or turned out to be for, what is not prompt
	probing int              // of those in flight, the ones that ask whether a slow host is back
	peak    peak             // of those in flight, the ones that are not
	chosen  uint             // how often one was chosen of those that are ready

	young, old list[Ticket] // attempts in flight, of less than a second and others
	aging      *time.Timer  // looks after young; nil: it is empty

	watched list[webhook] // for which something waits, in the order in which they are looked after
	watcher *time.Timer   // looks after them; nil: there are none

	pools    [kinds]pool
	putOff   list[webhook] // with deliveries that come again, at no known pace; in the order in which these were deferred
	deferred [Causes]uint64

	ailing   map[lead.Cause]int // webhooks that are failing; it has no more entries than there are causes
	heldBack list[host]
	news     []news     // that HeldBack has not been told
	telling  sync.Mutex // held while HeldBack is called, and locked before mu
}

// The kinds of deliveries: those that were just published, and those that have
// waited.
const (
	fresh = iota
	returning
	kinds
)

// New returns a Limiter. It starts no goroutine.
func New(opts Options) *Limiter {
	return &Limiter{
		opts: opts, free: opts.MaxInFlight, pools: newPools(opts),
		byID: make(map[string]*webhook), byAdvertiser: make(map[string][]*webhook), hosts: make(map[string]*host),
		ailing: make(map[lead.Cause]int, len(lead.Causes)),
	}
}

// InFlight returns the number of valid tickets, which is that of attempts in flight.
func (ls *Limiter) InFlight() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.opts.MaxInFlight - ls.free
}

// Known returns how many webhooks and hosts the limiter remembers.
func (ls *Limiter) Known() (webhooks, hosts int) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return len(ls.byID), len(ls.hosts)
}

// Done takes back the ticket of an attempt that was made. It returns what the
// attempt changes for its webhook, or nil if it changes nothing, which is so after
// most attempts. It does not block.
func (ls *Limiter) Done(t *Ticket, f Feedback) *Report {
	now := time.Now()
	ls.mu.Lock()
	defer ls.unlock()
	w := t.webhook
	ls.release(t, now)
	ls.learnOfHost(t, f, now)
	var report Report
	if t.version == w.version {
		ls.learnOfWebhook(t, f, now)
		report = w.learn(f, now)
		ls.diagnose(w, f.Cause, now)
	}
	if w.open() || now.Before(w.paused) {
		ls.deferAll(w, now)
	}
	ls.updateAll(t, now)
	ls.pump(now)
	if report == (Report{}) {
		return nil
	}
	return &report
}

// Cancel takes back the ticket of an attempt that was not made. It does not block.
func (ls *Limiter) Cancel(t *Ticket) {
	now := time.Now()
	ls.mu.Lock()
	defer ls.unlock()
	ls.release(t, now)
	ls.updateAll(t, now)
	ls.pump(now)
}

// updateAll updates what a ticket that was taken back held up.
func (ls *Limiter) updateAll(t *Ticket, now time.Time) {
	ls.update(t.webhook, now)
	if t.host != t.webhook.branch.host { // the webhook has moved meanwhile
		ls.updateHost(t.host, now)
	}
}

// Changed has everything that waits for the advertiser's webhooks ask again, since
// some of them changed: a lead must not wait for a rate that was raised, nor be sent
// to what was disabled. Attempts that were granted are not affected. It does not
// block.
func (ls *Limiter) Changed(advertiser string) {
	now := time.Now()
	ls.mu.Lock()
	defer ls.unlock()
	for _, w := range ls.byAdvertiser[advertiser] {
		ls.sendBack(w, now)
	}
}

// sendBack has everything that waits for a webhook ask again.
func (ls *Limiter) sendBack(w *webhook, now time.Time) {
	for w.queued() > 0 {
		ls.take(w.next()).decide(answer{changed: true})
	}
	ls.update(w, now)
}
