//go:build faults

package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// A bound is what a row tolerates.
type bound struct {
	recovery time.Duration // how long after the end of the fault the last lead may arrive
	twice    most
}

// most is how many leads may come twice, by cause. What is not in it may not.
type most map[cause]int

// usualBound is that of rows that name none.
var usualBound = bound{recovery: 20 * time.Second}

// tolerates says what the rig's rows may come to.
func (r *rig) tolerates(recovery time.Duration, twice most) { r.bound = bound{recovery, twice} }

// beyond is what is not within the bound.
func (b bound) beyond(t *tally, recovered time.Duration) (wrong []string) {
	for _, c := range slices.Sorted(maps.Keys(t.twice)) {
		if got := t.twice[c]; got > b.twice[c] && c != withoutCause {
			wrong = append(wrong, fmt.Sprintf("%d leads came twice (%s), at most %d may", got, c, b.twice[c]))
		}
	}
	if recovered > b.recovery {
		wrong = append(wrong, fmt.Sprintf("it recovered within %.1f s, and may take %.0f", recovered.Seconds(), b.recovery.Seconds()))
	}
	return wrong
}

// text is what came twice, beside what may.
func (b bound) text(twice map[cause]int) string {
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(b.twice)) {
		parts = append(parts, fmt.Sprintf("%d of %d %s", twice[c], b.twice[c], c))
	}
	for _, c := range slices.Sorted(maps.Keys(twice)) {
		if _, named := b.twice[c]; !named {
			parts = append(parts, fmt.Sprintf("%d %s", twice[c], c))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ", ")
}

// eachKill is what a case may come to that kills an instance so many times while so many
// leads a second flow to usual CRMs: what is under way if that instance has all of them and
// each takes the longest time, and what is answered while a mark may be on its way.
func eachKill(kills int, rate float64) most {
	underWay := func(d time.Duration) int { return int(float64(kills) * rate * d.Seconds()) }
	return most{inFlight: underWay(longestAnswer), unmarked: underWay(markDelay)}
}

func TestARowHasABound(t *testing.T) {
	b := bound{recovery: 5 * time.Second, twice: most{inFlight: 10, unmarked: 2}}
	for name, c := range map[string]struct {
		twice     map[cause]int
		recovered time.Duration
		want      int
	}{
		"nothing":                {nil, 0, 0},
		"all that is tolerated":  {map[cause]int{inFlight: 10, unmarked: 2}, 5 * time.Second, 0},
		"one too many":           {map[cause]int{inFlight: 11}, 0, 1},
		"one of another cause":   {map[cause]int{noLedger: 1}, 0, 1},
		"too long, and too many": {map[cause]int{unmarked: 3}, 6 * time.Second, 2},
	} {
		if got := b.beyond(&tally{twice: c.twice}, c.recovered); len(got) != c.want {
			t.Errorf("%s: got %q, want %d", name, got, c.want)
		}
	}
	const want = "3 of 10 in flight, 0 of 2 ledger batch, 1 Redis"
	if got := b.text(map[cause]int{inFlight: 3, noLedger: 1}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
