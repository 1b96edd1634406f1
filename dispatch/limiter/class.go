package limiter

import "time"

// A class says how long a webhook's attempts use to last.
type class uint8

const (
	prompt   class = iota // less than a second
	unproven              // longer, or it is not known yet
	classes
)

const (
	// oldAfter is how long an attempt may take that counts as prompt.
	oldAfter = time.Second

	// A webhook becomes unproven, and prompt again, at these shares of old attempts;
	// a host becomes slow, and is so no longer.
	tooOld, promptAgain   = 0.5, 0.25
	hostSlow, hostNotSlow = 0.75, 0.5

	// A host is slow at once when all that it holds is old and so many, unless it
	// answered promptly so shortly ago.
	allOld, justPrompt = 4, 2 * time.Second
)

// A share is that of attempts that became old, the newer counting more. The zero
// value knows of no attempt.
type share struct {
	old   float64
	known bool
}

// add counts an old attempt, with the given weight.
func (s *share) add(weight float64) {
	s.old += (1 - s.old) * weight
	s.known = true
}

// take counts a prompt one.
func (s *share) take() {
	s.old -= s.old / 4
	s.known = true
}

// age sees to it that attempts become old.
func (ls *Limiter) age(now time.Time) {
	if t := ls.young.front(); t != nil && ls.aging == nil {
		ls.aging = time.AfterFunc(max(t.began.Add(oldAfter).Sub(now), time.Millisecond), ls.growOld)
	}
}

// growOld moves the attempts on that have become old.
func (ls *Limiter) growOld() {
	now := time.Now()
	ls.mu.Lock()
	defer ls.unlock()
	ls.aging = nil
	for t := ls.young.front(); t != nil && now.Sub(t.began) >= oldAfter; t = ls.young.front() {
		if t.delayed.Load() {
			ls.restart(t, now)
			continue
		}
		ls.old.push(&t.place)
		ls.becameOld(t, now)
	}
	ls.age(now)
	ls.pump(now)
}

// becameOld learns from an attempt that took longer than a second, while it goes on.
func (ls *Limiter) becameOld(t *Ticket, now time.Time) {
	w, h := t.webhook, t.host
	t.old = true
	w.old++
	h.old++
	if !t.begunSlowly {
		h.turned++
	}
	h.lastOld = now
	if !t.slowly {
		t.slowly = true
		ls.countSlowly(t, 1)
	}
	if t.version == w.version {
		weight := 1.0
		if w.slow.known {
			weight = 1.0 / 8
		}
		if w.slow.add(weight); w.slow.old > tooOld {
			ls.setClass(w, unproven)
		}
	}
	if h.blames(t, now) {
		if h.late.add(1.0 / 16); h.stuck(now) {
			h.late.old = 1
		}
		if h.late.old > hostSlow {
			ls.setSlow(h, true, now)
		}
	}
	ls.updateAll(t, now)
}

// blames reports whether an old attempt says something about a host as a whole: of one
// that is prompt, a webhook that is not says nothing about the others.
func (h *host) blames(t *Ticket, now time.Time) bool {
	return !t.begunSlowly || h.slow || now.Sub(h.prompt) > steadyAnswer
}

// clogged reports whether most of what a host holds for what was prompt is old: some
// prompt answers beside it do not make up for that.
func (h *host) clogged() bool { return h.turned >= allOld && 2*h.turned > h.held-h.slowly }

// stuck reports whether all that a host holds shows that it is slow as a whole.
func (h *host) stuck(now time.Time) bool {
	if h.answered.IsZero() {
		return h.old >= min(allOld, h.held)
	}
	return h.old >= allOld && h.old == h.held && now.Sub(h.prompt) > justPrompt
}

// setClass moves a webhook, and what waits for it, to a class.
func (ls *Limiter) setClass(w *webhook, c class) {
	if w.class == c {
		return
	}
	h := w.branch.host
	for kind, l := range w.waiting {
		h.waiting[w.class][kind].add(l, -1)
		h.waiting[c][kind].add(l, 1)
	}
	w.class = c
	ls.recount(h)
}

// setSlow notes whether a host is slow as a whole.
func (ls *Limiter) setSlow(h *host, slow bool, now time.Time) {
	if h.slow == slow {
		return
	}
	h.slow, h.every = slow, probeEvery
	ls.recount(h)
	if !slow {
		ls.endHeldBack(h)
	}
	ls.updateHost(h, now)
}
