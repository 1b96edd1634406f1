package limiter

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A Cause is why a delivery was deferred.
type Cause uint8

// The causes of deferrals.
const (
	Failing Cause = iota // its webhook fails, and is tried now and then
	Paused               // its CRM asked for a pause, or said that it gets too much
	Crowded              // too many waited already for its host, or its webhook
	Waited               // it waited for its CRM too long
	Causes               // how many there are
)

// String returns the cause in one word.
func (c Cause) String() string { return [...]string{"failing", "paused", "crowded", "waited"}[c] }

// mostHosts is how many hosts Stats names.
const mostHosts = 10

// Stats are what a [Limiter] does at one moment.
type Stats struct {
	// Prompt, and Slow for what is not prompt or not known yet, are the attempts in
	// flight, and Old those of both that are older than a second.
	Prompt, Slow, Old int

	Free    int // attempts that may begin
	Reserve int // those of them that are left to what has been prompt for a while

	Deferred [Causes]uint64 // deliveries since the start, by cause

	Hosts    []HostStats // that hold most attempts, at most ten; in this order
	HeldBack []string    // hosts whose deliveries are held back, at most ten

	HostsHeldBack int // however many

	Failing map[lead.Cause]int // webhooks that are failing, as far as they were used lately; without those of which there are none
}

// HostStats are those of one host.
type HostStats struct {
	Host      string
	Attempts  int     // in flight
	Ceiling   int     // attempts at once that it gets
	PerSecond float64 // attempts that it gets as far as that was learnt; zero: it was not
}

// Stats returns what the limiter does now. It takes a time that depends on
// [Options.MaxInFlight] alone.
func (ls *Limiter) Stats() Stats {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	got := Stats{
		Prompt: ls.opts.MaxInFlight - ls.free - ls.slowly, Slow: ls.slowly, Old: ls.old.n,
		Free: ls.free, Reserve: min(ls.free, ls.opts.MaxInFlight/reservePart), Deferred: ls.deferred,
		HostsHeldBack: ls.heldBack.n, Failing: maps.Clone(ls.ailing),
	}
	var hosts []*host
	for _, in := range []*list[Ticket]{&ls.young, &ls.old} {
		for e := in.first; e != nil; e = e.next {
			hosts = append(hosts, e.owner.host)
		}
	}
	slices.SortFunc(hosts, func(a, b *host) int { return cmp.Or(b.held-a.held, cmp.Compare(a.name, b.name)) })
	hosts = slices.Compact(hosts)
	for _, h := range hosts[:min(len(hosts), mostHosts)] {
		got.Hosts = append(got.Hosts, HostStats{h.name, h.held, h.limit, h.rate.learnt})
	}
	for e := ls.heldBack.first; e != nil && len(got.HeldBack) < mostHosts; e = e.next {
		got.HeldBack = append(got.HeldBack, e.owner.name)
	}
	return got
}

// diagnose counts a webhook among those that are failing, by why its last attempt, at the
// given time, failed, or takes it out if it is not.
func (ls *Limiter) diagnose(w *webhook, why lead.Cause, last time.Time) {
	if !w.failing.Plainly(last) {
		why = ""
	}
	if w.ailing != "" {
		ls.ailing[w.ailing]--
	}
	if w.ailing = why; why != "" {
		ls.ailing[why]++
	}
}

// news is that a host begins or ends being held back.
type news struct {
	host  string
	began bool
}

// tellEvery is how often the same host is told to be held back.
const tellEvery = time.Minute

// beginHeldBack notes that deliveries of a host are held back since it is slow.
func (ls *Limiter) beginHeldBack(h *host, now time.Time) {
	if h.heldBack.in == nil && now.Sub(h.since) >= tellEvery {
		h.since = now
		ls.heldBack.push(&h.heldBack)
		ls.news = append(ls.news, news{h.name, true})
	}
}

// endHeldBack notes that they are no longer.
func (ls *Limiter) endHeldBack(h *host) {
	if h.heldBack.in != nil {
		h.heldBack.remove()
		ls.news = append(ls.news, news{h.name, false})
	}
}

// unlock unlocks the limiter, and then tells what there is to tell.
func (ls *Limiter) unlock() {
	untold := len(ls.news) > 0
	ls.mu.Unlock()
	if untold {
		ls.tell()
	}
}

// tell calls HeldBack, for one thing after the other and in their order.
func (ls *Limiter) tell() {
	ls.telling.Lock()
	defer ls.telling.Unlock()
	ls.mu.Lock()
	news := ls.news
	ls.news = nil
	ls.mu.Unlock()
	if ls.opts.HeldBack == nil {
		return
	}
	for _, n := range news {
		ls.opts.HeldBack(n.host, n.began)
	}
}
