package main

import (
	"regexp"
	"slices"
	"time"

	"github.com/leadhook/leadhook/bench/crm"
)

// A group is situations with the same webhooks and leads, of which the first is
// that in which all is calm: the others are held beside it.
type group struct {
	name  string
	sets  []*set
	leads int  // wait before the service starts; 0: they come at the sets' shares
	load  bool // they come at 70 % of what is taken while all is calm
	cases []*situation
}

// A situation is what a run is like.
type situation struct {
	name      string
	short     bool          // a short run has it too
	once      bool          // the first round is enough: it takes long, or its bounds have room
	warm      time.Duration // what is not measured at the beginning
	lasts     time.Duration // with that; a backlog ends it earlier when the first set has all of its leads
	instances int           // 0: one
	replaces  bool          // one of them is stopped in the middle, and another one started
	tags      string        // build tags that break the service
	bare      bool          // a loop makes the POSTs, and no service
	changes   []change
	rates     map[string]float64 // of the webhooks of some sets, by the sets' names; others have none

	tellsCapacity bool // 70 % load is a part of what is taken here
	figures       []figure

	results map[string][]*result // by subject and round; nil: that failed, or was not made
	took    time.Duration        // its last run; 0: there was none
}

// half is when an instance is replaced.
func (c *situation) half() time.Duration { return c.lasts / 2 }

// A change is what happens in a run.
type change struct {
	at time.Duration // 0: before anything is sent
	do func(hosts map[string]*crm.Hosts)
}

// calm is the situation beside which others are held.
func (g *group) calm() *situation { return g.cases[0] }

// inRound returns the situations of a round, counted from zero. One without figures
// is not made for itself.
func (g *group) inRound(round int) []*situation {
	var cases []*situation
	for _, c := range g.cases {
		if round == 0 || !c.once {
			cases = append(cases, c)
		}
	}
	if round > 0 && len(cases) == 1 && len(cases[0].figures) == 0 {
		return nil
	}
	return cases
}

func (g *group) fullName(c *situation) string { return g.name + ": " + c.name }

// choose returns the groups with the cases whose names match, and in a short run
// only those that it has. What is beside them comes too.
func choose(all []*group, match *regexp.Regexp, short bool) []*group {
	var chosen []*group
	for _, g := range all {
		var cases []*situation
		for _, c := range g.cases {
			if match.MatchString(g.fullName(c)) && (c.short || !short) {
				cases = append(cases, c)
			}
		}
		if len(cases) == 0 {
			continue
		}
		if cases[0] != g.calm() {
			cases = slices.Insert(cases, 0, g.calm())
		}
		g.cases = cases
		chosen = append(chosen, g)
	}
	return chosen
}

// answers has a set answer so from the beginning.
func answers(set string, a crm.Answer) change { return answersFrom(0, set, a) }

// answersFrom has a set answer so from some time on.
func answersFrom(at time.Duration, set string, a crm.Answer) change {
	return change{at, func(hosts map[string]*crm.Hosts) { hosts[set].Behave(a) }}
}

// vanishes has a set be a black hole.
func vanishes(set string) change {
	return change{0, func(hosts map[string]*crm.Hosts) { hosts[set].Vanish() }}
}
