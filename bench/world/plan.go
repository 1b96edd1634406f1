package main

import "time"

// A plan is which leads are published in a run, and when. Leads are numbered from 1.
type plan struct {
	sets  []*set
	kinds []uint8 // by lead, from zero: which set
	turns []int32 // by lead: how many of the set came before it
	each  time.Duration
	count []int64 // by set: how many leads
}

// newPlan deals leads out over the sets by their shares, as evenly as it can. At
// zero a second, all of them are to wait before anything begins.
func newPlan(sets []*set, leads int, perSecond float64) *plan {
	p := &plan{sets: sets, kinds: make([]uint8, leads), turns: make([]int32, leads), count: make([]int64, len(sets))}
	if perSecond > 0 {
		p.each = time.Duration(float64(time.Second) / perSecond)
	}
	all := total(sets)
	due := make([]float64, len(sets))
	for n := range p.kinds {
		next := 0
		for i, s := range sets {
			if due[i] += s.share / all; due[i] > due[next] {
				next = i
			}
		}
		due[next]--
		p.kinds[n], p.turns[n] = uint8(next), int32(p.count[next])
		p.count[next]++
	}
	return p
}

// total is the sum of the shares.
func total(sets []*set) (sum float64) {
	for _, s := range sets {
		sum += s.share
	}
	return sum
}

// leads is how many there are.
func (p *plan) leads() int { return len(p.kinds) }

// at is when a lead is to be published, from the beginning.
func (p *plan) at(lead int64) time.Duration { return time.Duration(lead-1) * p.each }

// of returns the set of a lead, and its turn among that set's.
func (p *plan) of(lead int64) (kind, turn int) { return int(p.kinds[lead-1]), int(p.turns[lead-1]) }
