package main

import (
	"fmt"
	"slices"
	"time"
)

// A figure is something that is measured in a case and, beside it, while all is
// calm.
type figure struct {
	name string
	unit string
	of   func(r *result) float64
	want *want // nil: nothing is demanded
}

// A want is what a figure must come to.
type want struct {
	text  string
	least bool // the bound is what it must have at least; otherwise at most
	bound func(calm float64, this *result) float64
}

func atLeast(bound float64) *want {
	return &want{fmt.Sprintf("≥ %g", bound), true, func(float64, *result) float64 { return bound }}
}

func atMost(bound float64) *want {
	return &want{fmt.Sprintf("≤ %g", bound), false, func(float64, *result) float64 { return bound }}
}

func timesCalm(share float64, least bool) *want {
	sign := "≤"
	if least {
		sign = "≥"
	}
	return &want{fmt.Sprintf("%s %g × calm", sign, share), least, func(calm float64, _ *result) float64 { return share * calm }}
}

// nearCalm is for ages in milliseconds.
func nearCalm() *want {
	return &want{"≤ 2 × calm + 20", false, func(calm float64, _ *result) float64 { return 2*calm + 20 }}
}

// ofSlots is a share of what the slots can do if each is busy for so long.
func ofSlots(share float64, busy time.Duration) *want {
	return &want{fmt.Sprintf("≥ %g × slots ÷ %v", share, busy), true,
		func(_ float64, this *result) float64 { return share * float64(this.slots) / busy.Seconds() }}
}

// The figures, some of them of a set.

func rateOf(set string, w *want) figure {
	return figure{set + ", a second", "", func(r *result) float64 { return r.sets[set].rate }, w}
}

func refusedOf(set string, w *want) figure {
	return figure{set + ", refused a second", "", func(r *result) float64 { return r.sets[set].refused }, w}
}

func p99Of(set string, w *want) figure {
	return figure{set + ", p99", "ms", func(r *result) float64 { return r.sets[set].quantile(99) }, w}
}

func p99UndisturbedOf(set string, w *want) figure {
	return figure{set + ", p99 while no instance is replaced", "ms", func(r *result) float64 { return quantile(r.sets[set].undisturbed, 99) }, w}
}

func gapOf(set string, w *want) figure {
	return figure{set + ", longest gap", "ms", func(r *result) float64 { return float64(r.sets[set].gap.Milliseconds()) }, w}
}

func backOf(set string, from time.Duration, perSecond float64, w *want) figure {
	return figure{set + ", back at nine tenths of its rate after", "s",
		func(r *result) float64 { return r.sets[set].back(from, 0.9*perSecond).Seconds() }, w}
}

func memory(w *want) figure {
	return figure{"peak RSS", "MB", func(r *result) float64 { return float64(r.peak) / 1e6 }, w}
}

func cpu(w *want) figure { return figure{"CPU of a lead", "µs", (*result).cpuPerLead, w} }

func waits() figure {
	return figure{"records in the retry topics", "", func(r *result) float64 { return float64(r.waits) }, nil}
}

// An outcome is what a figure came to over all rounds in which both were measured.
type outcome struct {
	rounds     int
	calm, this float64 // medians
	ratio      float64 // the median of each round's own
	met        bool    // what was wanted, in the median of how near each round came to it
}

// evaluate holds the rounds of a case beside those that were calm.
func (f figure) evaluate(calm, this []*result) outcome {
	var calms, these, ratios, margins []float64
	for n, r := range this {
		if r == nil || n >= len(calm) || calm[n] == nil {
			continue
		}
		c, t := f.of(calm[n]), f.of(r)
		calms, these = append(calms, c), append(these, t)
		if c != 0 {
			ratios = append(ratios, t/c)
		}
		if f.want != nil {
			margins = append(margins, t-f.want.bound(c, r))
		}
	}
	o := outcome{rounds: len(calms), calm: median(calms), this: median(these), ratio: median(ratios), met: true}
	if f.want != nil {
		margin := median(margins)
		o.met = len(margins) > 0 && (margin == 0 || f.want.least == (margin > 0))
	}
	return o
}

// median returns the middle one, or zero if there is none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
