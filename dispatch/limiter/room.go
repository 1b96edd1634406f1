package limiter

import "time"

const (
	// returningShare is the part of what may be open that the caller keeps for
	// deliveries that have waited.
	returningShare = 4

	// unprovenPart is the part of what may be open that may wait for what is not
	// prompt. Once half of all is open, a host that is prompt may have fewest deliveries
	// wait, or as many as it answers in a second, or its part of the other half.
	unprovenPart, promptPart, fewest = 4, 2, 4

	// getToKnow is for how long all may wait that comes for a host of which nothing was
	// known: after a start that is every host.
	getToKnow = 2 * time.Second

	// patience is how long a delivery waits for a CRM that does not take it. That is
	// looked at every watchEvery, for lookAtOnce webhooks at once.
	patience, watchEvery = shortestDeferral, time.Second
	lookAtOnce           = 64
)

// A load is deliveries.
type load struct{ deliveries, bytes int }

func (l *load) add(o load, sign int) {
	l.deliveries += sign * o.deliveries
	l.bytes += sign * o.bytes
}

func (l load) plus(o load) load { return load{l.deliveries + o.deliveries, l.bytes + o.bytes} }

// within reports whether both numbers are at most the other's.
func (l load) within(o load) bool { return l.deliveries <= o.deliveries && l.bytes <= o.bytes }

// part is one part of l, of so many.
func (l load) part(parts int) load { return load{l.deliveries / parts, l.bytes / parts} }

// atLeast has no number less than the other's.
func (l load) atLeast(o load) load {
	return load{max(l.deliveries, o.deliveries), max(l.bytes, o.bytes)}
}

func (l load) times(n int) load { return load{n * l.deliveries, n * l.bytes} }

// A pool is what may be open of one kind. Fresh deliveries and those that have waited
// have their own, so that neither can use up what is the others'.
type pool struct {
	all      load
	open     load // what waits and what is in flight
	unproven load // what waits for webhooks and hosts that are not prompt
	slowly   int  // bytes of attempts in flight that count in Limiter.slowly
}

func newPools(opts Options) [kinds]pool {
	all := load{opts.OpenEvents, opts.OpenBytes}
	back := all.part(returningShare)
	all.add(back, -1)
	return [kinds]pool{fresh: {all: all}, returning: {all: back}}
}

// count counts a ticket among what waits.
func (ls *Limiter) count(t *Ticket, sign int) {
	w := t.webhook
	h := w.branch.host
	w.waiting[t.kind].add(t.load(), sign)
	h.waiting[w.class][t.kind].add(t.load(), sign)
	ls.recount(h)
}

// recount counts what waits for a host by whether the host is prompt.
func (ls *Limiter) recount(h *host) {
	for kind := range ls.pools {
		now := h.waiting[unproven][kind]
		if h.slow {
			now = now.plus(h.waiting[prompt][kind])
		}
		ls.pools[kind].unproven.add(h.unproven[kind], -1)
		ls.pools[kind].unproven.add(now, 1)
		h.unproven[kind] = now
	}
}

// mayWait reports whether a ticket that waits already may go on.
func (ls *Limiter) mayWait(t *Ticket, now time.Time) bool {
	w, p := t.webhook, &ls.pools[t.kind]
	h := w.branch.host
	if isolationOff || now.Sub(h.met) <= getToKnow {
		return true
	}
	waiting := h.waiting[prompt][t.kind].plus(h.waiting[unproven][t.kind])
	if h.slow || w.class != prompt {
		// The more wait in all, the fewer may of one host: some room is always left.
		return waiting.plus(p.unproven).within(p.all.part(unprovenPart).atLeast(t.load().times(2)))
	}
	if p.open.within(p.all.part(promptPart)) {
		return true
	}
	second := t.load().times(max(fewest, int(h.meter.perSecond(now, hostSpan))))
	return waiting.within(p.all.part(promptPart * len(ls.hosts)).atLeast(second))
}

// tooLarge reports whether a delivery for what is not prompt must not even ask: all such
// hold half of the bytes, waiting or in flight. Else a few large ones for CRMs that hang
// would leave the caller no memory for those of others.
func (ls *Limiter) tooLarge(t *Ticket) bool {
	w, p := t.webhook, &ls.pools[t.kind]
	if isolationOff || w.class == prompt && !w.branch.host.slow {
		return false
	}
	held := p.unproven.bytes + p.slowly
	return held > 0 && held+t.size > p.all.bytes/promptPart
}

// watch sees to it that what waits for a webhook is looked after.
func (ls *Limiter) watch(w *webhook, now time.Time) {
	if w.watched.in == nil {
		w.look = now.Add(watchEvery)
		ls.watched.push(&w.watched)
	}
	if ls.watcher == nil {
		ls.watcher = time.AfterFunc(max(ls.watched.front().look.Sub(now), time.Millisecond), ls.lookAround)
	}
}

// lookAround looks after the webhooks for which it is time, a few of them at once: the
// others must not have to wait for the lock.
func (ls *Limiter) lookAround() {
	now := time.Now()
	ls.mu.Lock()
	defer ls.unlock()
	ls.watcher = nil
	for range lookAtOnce {
		w := ls.watched.front()
		if w == nil || w.look.After(now) {
			break
		}
		w.watched.remove()
		ls.lookAfter(w, now)
		if w.queued() > 0 {
			ls.watch(w, now)
		}
	}
	if w := ls.watched.front(); w != nil {
		ls.watch(w, now)
	}
	ls.pump(now)
}

// lookAfter defers what has waited for long, or is more than may wait.
func (ls *Limiter) lookAfter(w *webhook, now time.Time) {
	h := w.branch.host
	if h.slow && w.queued() > 0 {
		ls.beginHeldBack(h, now)
		ls.probeHost(w, now)
	}
	for t := w.oldest(); t != nil && now.Sub(t.came) >= patience && !ls.waitsForUs(w); t = w.oldest() {
		ls.take(t).decide(answer{at: ls.later(w, Waited, now)})
	}
	for kind := range w.queues {
		ls.deferNewest(w, kind, now)
	}
	ls.update(w, now)
}

// waitsForUs reports whether a webhook is prompt, and what waits for it waits for
// nothing but a free attempt.
func (ls *Limiter) waitsForUs(w *webhook) bool {
	h := w.branch.host
	return isolationOff || w.class == prompt && !h.slow && w.turn.in != nil && h.entries[prompt].in != nil
}

// deferNewest defers what is more than may wait for a webhook, and what will not begin
// until it could come again. The newest go, and of them the oldest comes again first.
func (ls *Limiter) deferNewest(w *webhook, kind int, now time.Time) {
	most := ls.backlog(w, now)
	var out []*Ticket
	for t := w.queues[kind].back(); t != nil; t = w.queues[kind].back() {
		crowded := (w.class != prompt || w.branch.host.slow) && !ls.mayWait(t, now)
		if !crowded && w.queued() <= most {
			break
		}
		out = append(out, ls.take(t))
	}
	for i := len(out) - 1; i >= 0; i-- {
		out[i].decide(answer{at: ls.later(w, Crowded, now)})
	}
}
