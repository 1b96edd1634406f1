package limiter

import (
	"math/bits"
	"time"
)

// A standing is how soon what is ready may begin.
type standing uint8

const (
	steady    standing = iota // prompt, and has been for a while: may use the last attempts
	sometimes                 // prompt, but not always
	last                      // not prompt, or not known yet
	standings
)

// Of all attempts, the reserve is a part that is left to what is steady: to hosts that
// hold no more than a part of what is left of it. So however many are steady and then
// hang together, something is left to those that hold little.
const (
	reservePart, steadyPart = 8, 8

	// Every so often one is chosen of what is not prompt, although something prompt
	// waits, while few attempts are for such, or many are free.
	turnOfLast, fewOfLast, manyFree = 8, 8, 4

	// What was prompt within peakSpan has a part of all attempts at most kept for it.
	peakSpan, mostSoon = time.Second, 2

	// steadyAnswer is for how long a host is steady after a prompt answer, and
	// steadyOld how long after an attempt that was not prompt it is so again.
	steadyAnswer, steadyOld = time.Minute, 15 * time.Second
)

// An entry is the webhooks of one class on a host, among what is ready.
type entry struct {
	host  *host
	class class
	turn  link[entry]
	in    *ready // nil: nothing of it is ready
	held  int    // of the bucket that it is in
}

// holds is how many attempts count against what waits of one class. A prompt host that
// is busy must not have its new webhooks wait for ever, and one that is known to be slow
// goes behind those of which nothing is known yet.
func (h *host) holds(c class) int {
	switch {
	case h.slow:
		return h.held + 1
	case c != prompt:
		return h.slowly
	}
	return h.held
}

// ready has the entries of which an attempt could begin, by how many attempts their
// hosts hold.
type ready struct {
	buckets [64]list[entry] // exact as long as it matters, and then by powers of two
	filled  uint64          // a bit for each
}

const exact = 32

func bucket(held int) int {
	if held < exact {
		return held
	}
	return min(exact+bits.Len(uint(held))-bits.Len(exact), 63)
}

// push puts an entry behind those that hold as many.
func (r *ready) push(e *entry, held int) {
	e.remove()
	e.in, e.held = r, bucket(held)
	r.buckets[e.held].push(&e.turn)
	r.filled |= 1 << e.held
}

func (e *entry) remove() {
	if e.in == nil {
		return
	}
	e.turn.remove()
	if e.in.buckets[e.held].n == 0 {
		e.in.filled &^= 1 << e.held
	}
	e.in = nil
}

// fewest returns an entry of the host that holds fewest, the one that was served
// longest ago; nil if there is none.
func (r *ready) fewest() *entry {
	if r.filled == 0 {
		return nil
	}
	return r.buckets[bits.TrailingZeros64(r.filled)].front()
}

// fewer returns the one of two entries whose host holds fewer; nil stands for none.
func fewer(a, b *entry) *entry {
	if a == nil || b != nil && b.held < a.held {
		return b
	}
	return a
}

// pump begins as many attempts as may begin.
func (ls *Limiter) pump(now time.Time) {
	for ls.free > 0 {
		e := ls.choose(now)
		if e == nil {
			return
		}
		ls.chosen++
		ls.serve(e, now)
	}
}

// choose returns whose attempt begins next; nil if none may begin.
func (ls *Limiter) choose(now time.Time) *entry {
	if ls.scarce() {
		return ls.chooseSteady(now)
	}
	notPrompt := ls.ready[last].fewest()
	few := ls.slowly < ls.opts.MaxInFlight/fewOfLast
	if notPrompt != nil && ls.chosen%turnOfLast == 0 && (few || ls.free > ls.opts.MaxInFlight/manyFree) {
		return notPrompt
	}
	if e := fewer(ls.ready[steady].fewest(), ls.ready[sometimes].fewest()); e != nil {
		return e
	}
	if few || ls.free > ls.opts.MaxInFlight/reservePart+ls.kept(now) || isolationOff {
		return notPrompt
	}
	return nil
}

// kept is how many places are kept free, beside the reserve. There were as many more
// prompt attempts lately, and will soon be again: a slow one would take such a place, in a
// moment in which nothing prompt waits, for long. And probes may use as many more.
func (ls *Limiter) kept(now time.Time) int {
	prompt := ls.opts.MaxInFlight - ls.free - ls.slowly
	soon := min(ls.peak.note(prompt, now)-prompt, ls.opts.MaxInFlight/mostSoon)
	return soon + ls.opts.MaxInFlight/probePart - ls.probing
}

// A peak is the highest of some numbers lately. The zero value is ready.
type peak struct {
	now, before int // in this span of time, and in the one before
	began       time.Time
}

// note adds a number, and returns the highest.
func (p *peak) note(n int, now time.Time) int {
	if since := now.Sub(p.began); since >= peakSpan {
		p.before, p.now, p.began = p.now, 0, now
		if since >= 2*peakSpan {
			p.before = 0
		}
	}
	p.now = max(p.now, n)
	return max(p.now, p.before)
}

// scarce reports whether no more are free than the reserve.
func (ls *Limiter) scarce() bool {
	return ls.free <= ls.opts.MaxInFlight/reservePart && !isolationOff
}

// chooseSteady chooses among those that may use the reserve.
func (ls *Limiter) chooseSteady(now time.Time) *entry {
	for {
		e := ls.ready[steady].fewest()
		switch {
		case e == nil || e.host.held >= max(1, ls.free/steadyPart):
			return nil
		case e.host.steady(now):
			return e
		}
		ls.ready[sometimes].push(e, e.host.held)
	}
}

func (h *host) steady(now time.Time) bool {
	return now.Sub(h.prompt) <= steadyAnswer && h.old == 0 && now.Sub(h.lastOld) > steadyOld
}

// serve begins an attempt of the webhook whose turn it is: advertisers on a host
// take turns, and their webhooks too.
func (ls *Limiter) serve(e *entry, now time.Time) {
	b := e.host.ready[e.class].front()
	w := b.ready[e.class].front()
	e.host.ready[e.class].push(&b.turns[e.class])
	b.ready[e.class].push(&w.turn)
	e.remove()
	ls.start(w.next(), now)
}

// start begins the attempt of a ticket that waits.
func (ls *Limiter) start(t *Ticket, now time.Time) {
	ls.dequeue(t)
	ls.begin(t, now)
	ls.update(t.webhook, now)
	t.decide(answer{})
}

// update finds out whether an attempt at a webhook could begin now, as far as it, its
// advertiser and its host are concerned. It must be called after each change of what
// that depends on.
func (ls *Limiter) update(w *webhook, now time.Time) {
	b := w.branch
	switch {
	case w.queued() == 0 || !w.gate.open(now, func() { ls.gateOpens(w, nil) }):
		w.turn.remove()
	case w.full(now):
		w.refused = now
		w.turn.remove()
	case w.turn.in != &b.ready[w.class]:
		b.ready[w.class].push(&w.turn)
	}
	for c := range b.ready {
		switch turn := &b.turns[c]; {
		case b.ready[c].n == 0:
			turn.remove()
		case turn.in == nil:
			b.host.ready[c].push(turn)
		}
	}
	ls.updateHost(b.host, now)
}

// updateHost is update for a host.
func (ls *Limiter) updateHost(h *host, now time.Time) {
	if h.ready[prompt].n == 0 && h.ready[unproven].n == 0 {
		h.entries[prompt].remove()
		h.entries[unproven].remove()
		return
	}
	h.raise(now)
	full, fullOfSlow := h.full(now), h.fullOfSlow()
	if full || fullOfSlow && h.ready[unproven].n > 0 {
		h.refused = now
	}
	may := !full && h.gate.open(now, func() { ls.gateOpens(nil, h) })
	for c := range h.entries {
		e := &h.entries[c]
		if !may || h.ready[c].n == 0 || class(c) != prompt && fullOfSlow {
			e.remove()
			continue
		}
		in, holds := &ls.ready[h.standing(class(c), now)], h.holds(class(c))
		if e.in != in || e.held != bucket(holds) {
			in.push(e, holds)
		}
	}
}

// standing returns that of a host's webhooks of one class.
func (h *host) standing(c class, now time.Time) standing {
	switch {
	case isolationOff:
		return steady
	case h.slow || c != prompt || h.clogged():
		return last
	case h.steady(now):
		return steady
	}
	return sometimes
}

// gateOpens is called when the rate of a webhook, or of a host, allows an attempt
// that something waits for.
func (ls *Limiter) gateOpens(w *webhook, h *host) {
	now := time.Now()
	ls.mu.Lock()
	defer ls.unlock()
	if w != nil {
		w.gate.timer = nil
		ls.update(w, now)
	} else {
		h.gate.timer = nil
		ls.updateHost(h, now)
	}
	ls.pump(now)
}
