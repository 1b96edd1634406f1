package limiter

import "time"

const (
	// The ceilings that a webhook and a host begin with.
	firstOfWebhook, firstOfHost = 2, 8

	// leftToPrompt is the part of a host's ceiling that is left to its prompt webhooks.
	leftToPrompt = 4

	// calm is how long answers may take until it matters that they took longer for
	// more attempts at once.
	calm = time.Second

	// decayEvery is how often a ceiling is lowered that nothing comes near.
	decayEvery = time.Second
)

// A ceiling is how many attempts a webhook, or a host, gets at once. It grows while
// attempts have to wait for it and the CRM does not answer much slower for more of
// them, and falls when attempts fail.
type ceiling struct {
	limit int
	first int // that it begins with
	most  int // attempts at once, however many it turns out to take; zero: there is no such limit

	held, old int       // attempts in flight, and those of them that are older than a second
	peak      int       // of held, lately
	refused   time.Time // when something had to wait for the ceiling
	prompt    time.Time // when an attempt was answered well within a second
	answered  time.Time // when one was answered well
	halved    time.Time
	base      int       // the limit when grown was last set
	grown     time.Time // when the limit was last found to have grown by a quarter
	decayed   time.Time // when it was last seen to that the limit is not too far away

	latency time.Duration // of what was answered well, the newer counting more
	alone   time.Duration // the same of attempts beside few others; zero: there was none
}

// full reports whether no further attempt may begin. Old attempts do not count beside
// a prompt answer: it shows that they are not what the CRM is busy with.
func (c *ceiling) full(now time.Time) bool {
	if isolationOff {
		return false
	}
	held := c.held
	if now.Sub(c.prompt) <= oldAfter {
		held -= c.old
	}
	return held >= c.limit || c.most > 0 && c.held >= c.most
}

// fullOfSlow reports whether no further attempt may begin for what is not prompt, where
// something else may be.
func (h *host) fullOfSlow() bool {
	limit := h.limit
	if h.most > 0 {
		limit = min(limit, h.most)
	}
	return !h.slow && h.slowly >= max(1, limit-limit/leftToPrompt)
}

// few reports whether so few attempts are in flight that they do not delay each other.
func (c *ceiling) few() bool { return c.held <= c.first }

// answeredWell learns from an attempt that began at the given time and took so long:
// beside few others, or not. Its limit stays below most.
func (c *ceiling) answeredWell(began, now time.Time, took time.Duration, few, old bool, most int) {
	const smooth = 8
	c.answered = now
	if !old {
		c.prompt = now
	}
	c.latency += (took - c.latency) / smooth
	if few {
		if c.alone == 0 {
			c.alone = took
		}
		c.alone += (took - c.alone) / smooth
	}
	switch accepted := max(calm, 2*c.alone); {
	case c.latency > 2*accepted:
		c.limit = max(c.first, c.limit-1)
	case !c.refused.Before(began) && c.latency <= accepted:
		c.limit = min(c.limit+1, most)
	}
	if c.limit > c.base+c.base/4 {
		c.base, c.grown = c.limit, now
	}
	c.decay(now)
}

// growing reports whether the limit still grows so fast that what the CRM takes now says
// little about what it will take.
func (c *ceiling) growing(now time.Time) bool { return now.Sub(c.grown) <= max(calm, 2*c.latency) }

// decay lowers a limit that has not mattered lately to twice of what was used.
func (c *ceiling) decay(now time.Time) {
	if now.Sub(c.decayed) < decayEvery {
		return
	}
	if !c.decayed.IsZero() && c.refused.Before(c.decayed) {
		c.limit = min(c.limit, max(c.first, 2*c.peak))
	}
	c.decayed, c.peak = now, c.held
}

// halve lowers the limit, once for the attempts that failed together.
func (c *ceiling) halve(now time.Time, took time.Duration) {
	if now.Sub(c.halved) >= max(c.latency, took) {
		c.limit, c.halved = max(1, c.limit/2), now
		c.base = c.limit
	}
}

// learnOfHost learns from an attempt that has ended.
func (ls *Limiter) learnOfHost(t *Ticket, f Feedback, now time.Time) {
	h := t.host
	well := f.Result == Accepted || f.Result == Refused
	switch {
	case f.Overloaded:
		ls.overloaded(t, now)
	case f.NoAnswer && t.old && h.prompt.After(t.began): // it answered others meanwhile
	case f.NoAnswer:
		h.halve(now, f.Took)
		if t.probe {
			h.every = min(2*h.every, probeSeldom)
		}
	}
	if well {
		h.every = probeEvery
		h.meter.add(now, hostSpan)
		h.answeredWell(t.began, now, f.Took, t.fewOnHost, t.old, ls.opts.MaxInFlight)
	}
	if !t.old {
		if h.late.take(); h.late.old < hostNotSlow {
			ls.setSlow(h, false, now)
		}
	}
}

// learnOfWebhook learns from an attempt that has ended.
func (ls *Limiter) learnOfWebhook(t *Ticket, f Feedback, now time.Time) {
	w := t.webhook
	if f.Result == Accepted || f.Result == Refused {
		w.meter.add(now, webhookSpan)
		w.answeredWell(t.began, now, f.Took, t.few, t.old, ls.opts.MaxInFlight)
	} else {
		w.halve(now, f.Took)
	}
	if !t.old {
		if w.slow.take(); w.slow.old < promptAgain {
			ls.setClass(w, prompt)
		}
	}
}
