package limiter

import (
	"math"
	"slices"
	"time"

	"github.com/leadhook/leadhook/lead"
)

const (
	// A host gets a rate when so many advertisers are told within toldSpan that it
	// is too much: one may have used up what it has bought.
	tellers, toldSpan = 3, time.Second

	// The rate that a host gets, as a part of what it took before; how it falls in each
	// second in which it was still too much; and how it grows in each other second. It
	// falls fast and grows slowly since some providers block the address of a sender who
	// does not heed them, for everybody.
	firstRate, lowestRate  = 0.8, 0.5
	rateFalls, mostFall    = 0.9, 0.5
	rateGrows, leastGrowth = 1.02, 0.1
)

// A hostRate is how many attempts a second a host takes, over all webhooks, as far as it
// is known or was learnt.
type hostRate struct {
	known  float64   // zero: it is not
	learnt float64   // zero: it is not
	told   []refusal // of the last toldSpan, one for each advertiser, at most tellers
	fell   time.Time // when learnt was last lowered
	rose   time.Time // when it was last raised, or lowered
}

// A refusal is an answer that it was too much.
type refusal struct {
	advertiser string
	at         time.Time
}

// tell notes that an advertiser was told that it is too much, and reports whether
// several were.
func (r *hostRate) tell(advertiser string, now time.Time) bool {
	r.told = slices.DeleteFunc(r.told, func(t refusal) bool { return now.Sub(t.at) >= toldSpan || t.advertiser == advertiser })
	if len(r.told) == tellers {
		r.told = slices.Delete(r.told, 0, 1)
	}
	r.told = append(r.told, refusal{advertiser, now})
	return len(r.told) == tellers
}

// overloaded learns from an answer that it was too much. Its webhook has been paused
// for a second or more already. That of one that has taken nothing since it last said so
// does not count: it may be what this one says to everything.
func (ls *Limiter) overloaded(t *Ticket, now time.Time) {
	if isolationOff {
		return
	}
	w, h := t.webhook, t.host
	took := w.meter.last.After(w.told)
	if w.told = now; !took || h.rate.learnt == 0 && !h.rate.tell(w.advertiser, now) {
		return
	}
	if now.Sub(h.rate.fell) < toldSpan {
		return
	}
	takes := h.meter.perSecond(now, hostSpan)
	if h.rate.learnt == 0 {
		h.rate.learnt = firstRate * takes
	} else {
		h.rate.learnt = min(rateFalls*h.rate.learnt, max(takes, mostFall*h.rate.learnt))
	}
	h.rate.learnt = max(h.rate.learnt, lowestRate)
	h.rate.fell, h.rate.rose = now, now
	h.gate.set(h.rate.learnt, now)
}

// raise lets a rate that was learnt grow, until it does not matter any more.
func (h *host) raise(now time.Time) {
	r := &h.rate
	seconds := int(now.Sub(r.rose) / time.Second)
	if r.learnt == 0 || seconds == 0 {
		return
	}
	r.rose = r.rose.Add(time.Duration(seconds) * time.Second)
	r.learnt = max(r.learnt*math.Pow(rateGrows, float64(seconds)), r.learnt+leastGrowth*float64(seconds))
	if r.learnt >= lead.MaxRate || r.known > 0 && r.learnt >= r.known {
		r.learnt = 0
		h.gate.set(r.known, now)
		return
	}
	h.gate.set(r.learnt, now)
}
