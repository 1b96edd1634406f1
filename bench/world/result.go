package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A result is what was seen in one run.
type result struct {
	sets  map[string]*seen
	order []string // the sets' names
	in    span
	cpu   time.Duration // of the measured processes, in the measured time
	leads float64       // taken in the measured time, all sets together
	peak  int64         // bytes: the most that one of the processes has had resident
	waits int64         // records in the retry topics
	slots int           // concurrent attempts that an instance may make
}

// seen is what the hosts of one set saw in the measured time. Ages are in
// microseconds; where leads waited, they have none, and the histograms are nil.
type seen struct {
	rate, refused float64 // answers a second
	gap           time.Duration
	ages          *hdrhistogram.Histogram
	undisturbed   *hdrhistogram.Histogram // of those leads that were due before an instance was replaced, if one was
	twice         int64
	arrivals      *kindArrivals
}

// lookAt sums up what a run's arrivals were, and those of its undisturbed part.
func lookAt(a *arrivals, in, undisturbed span) *result {
	r := &result{sets: map[string]*seen{}, in: in}
	for kind, s := range a.plan.sets {
		k := a.kinds[kind]
		one := &seen{rate: rate(k.taken, in), refused: rate(k.refused, in), gap: gap(k.taken, in), twice: k.twice.Load(), arrivals: k}
		if a.plan.each > 0 {
			end := in.to + grace
			one.ages, one.undisturbed = a.ages(kind, in, end), a.ages(kind, undisturbed, end)
		}
		r.sets[s.name], r.order = one, append(r.order, s.name)
		r.leads += one.rate * in.seconds()
	}
	return r
}

// quantile returns an age in milliseconds.
func (s *seen) quantile(percent float64) float64 { return quantile(s.ages, percent) }

func quantile(ages *hdrhistogram.Histogram, percent float64) float64 {
	return float64(ages.ValueAtQuantile(percent)) / 1000
}

// back is how long after a moment the rate of a whole second is as it should be;
// the whole rest of the run, if it never is.
func (s *seen) back(from time.Duration, perSecond float64) time.Duration {
	end := time.Duration(len(s.arrivals.taken)) * slot
	for at := from; at+time.Second <= end; at += 10 * slot {
		if rate(s.arrivals.taken, span{at, at + time.Second}) >= perSecond {
			return at - from
		}
	}
	return end - from
}

// cpuPerLead is what a lead cost, in microseconds.
func (r *result) cpuPerLead() float64 { return float64(r.cpu.Microseconds()) / max(1, r.leads) }

// rate is how many leads were taken a second, by all sets together.
func (r *result) rate() float64 { return r.leads / r.in.seconds() }

// first is what the set saw that is measured first of all.
func (r *result) first() *seen { return r.sets[r.order[0]] }

// String is for the terminal, while there is no table yet.
func (r *result) String() string {
	var b strings.Builder
	for n, name := range r.order {
		s := r.sets[name]
		fmt.Fprintf(&b, "%s %.1f/s", name, s.rate)
		if s.refused > 0 {
			fmt.Fprintf(&b, " (%.1f/s refused)", s.refused)
		}
		if s.ages != nil && n == 0 {
			fmt.Fprintf(&b, " (p50 %.1f, p99 %.1f ms; longest gap %d ms)", s.quantile(50), s.quantile(99), s.gap.Milliseconds())
		}
		b.WriteString(", ")
	}
	fmt.Fprintf(&b, "%.0f µs CPU a lead, %d MB", r.cpuPerLead(), r.peak/1e6)
	return b.String()
}

// measured returns the rounds in which there is a result.
func measured(results []*result) []*result {
	return slices.DeleteFunc(slices.Clone(results), func(r *result) bool { return r == nil })
}

// medianOf returns the middle of what was measured in all rounds.
func medianOf(results []*result, of func(*result) float64) float64 {
	values := make([]float64, 0, len(results))
	for _, r := range measured(results) {
		values = append(values, of(r))
	}
	return median(values)
}

// hasAges reports whether leads came in their time, so that they have an age.
func hasAges(results []*result) bool {
	return slices.ContainsFunc(measured(results), func(r *result) bool { return r.first().ages != nil })
}
