package main

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/leadhook/leadhook/bench/crm"
)

// slot is how finely it is counted when leads arrive.
const slot = 10 * time.Millisecond

// Arrivals are what the CRMs see in a run.
type arrivals struct {
	plan  *plan
	began time.Time       // what all times count from
	taken []atomic.Int64  // by lead, from zero: when a CRM first said that it has it, in nanoseconds; zero: not yet
	kinds []*kindArrivals // by set
}

// kindArrivals are those of one set.
type kindArrivals struct {
	taken, refused []atomic.Uint32 // answers by slot
	came, twice    atomic.Int64    // leads that were taken, and answers beyond the first
}

// newArrivals counts from now on, for as long as the run may last at most.
func newArrivals(p *plan, most time.Duration) *arrivals {
	a := &arrivals{plan: p, began: time.Now(), taken: make([]atomic.Int64, p.leads())}
	for range p.sets {
		slots := int(most/slot) + 1
		a.kinds = append(a.kinds, &kindArrivals{taken: make([]atomic.Uint32, slots), refused: make([]atomic.Uint32, slots)})
	}
	return a
}

// watch has the hosts of a set tell of every answer.
func (a *arrivals) watch(kind int, h *crm.Hosts) {
	k := a.kinds[kind]
	h.Arrived = func(lead int64, at time.Time, status int) {
		since := max(1, at.Sub(a.began))
		n := min(int(since/slot), len(k.taken)-1)
		if status/100 != 2 {
			k.refused[n].Add(1)
			return
		}
		k.taken[n].Add(1)
		switch {
		case lead < 1 || lead > int64(len(a.taken)): // of another run
		case a.taken[lead-1].CompareAndSwap(0, int64(since)):
			k.came.Add(1)
		default:
			k.twice.Add(1)
		}
	}
}

// all reports whether every lead of a set was taken.
func (a *arrivals) all(kind int) bool { return a.kinds[kind].came.Load() >= a.plan.count[kind] }

// any reports whether any lead was.
func (a *arrivals) any() bool {
	return slices.ContainsFunc(a.kinds, func(k *kindArrivals) bool { return k.came.Load() > 0 })
}

// A span is a part of a run, from its beginning.
type span struct{ from, to time.Duration }

func (s span) seconds() float64 { return (s.to - s.from).Seconds() }

// rate is how many answers there were a second.
func rate(slots []atomic.Uint32, in span) float64 {
	sum := 0.0
	for n := int(in.from / slot); n < min(int(in.to/slot), len(slots)); n++ {
		sum += float64(slots[n].Load())
	}
	return sum / in.seconds()
}

// gap is the longest time without an answer.
func gap(slots []atomic.Uint32, in span) (longest time.Duration) {
	last := in.from
	for at := in.from; at < in.to; at += slot {
		if n := int(at / slot); n < len(slots) && slots[n].Load() > 0 {
			last = at + slot
		}
		longest = max(longest, at+slot-last)
	}
	return longest
}

// ages are how old the leads of a set were when their answer began, of those that
// were due in that time. Each counts from when it was due, however late it was
// published. One that has not come at the run's end counts as old as it is then:
// left out, the worst would look best.
func (a *arrivals) ages(kind int, in span, end time.Duration) *hdrhistogram.Histogram {
	h := hdrhistogram.New(1, time.Hour.Microseconds(), 3)
	for n := range a.taken {
		lead := int64(n + 1)
		due := a.plan.at(lead)
		if int(a.plan.kinds[n]) != kind || due < in.from || due >= in.to {
			continue
		}
		taken := time.Duration(a.taken[n].Load())
		if taken == 0 || taken > end {
			taken = end
		}
		_ = h.RecordValue(max(1, (taken - due).Microseconds())) // an hour is longer than any run
	}
	return h
}

// grace is how long leads may still arrive when nothing more is published.
const grace = time.Second
