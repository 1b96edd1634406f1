package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A measurement is all rounds of all chosen cases.
type measurement struct {
	stack    *stack
	subjects []*subject
	cases    []*group
	rounds   int
	whole    bool // nothing is left out
	began    time.Time
	ends     time.Time // no group begins that would end later

	backlogRate float64 // leads a second that were last taken of a backlog while all was calm
	capacity    float64 // the same of leads that were published meanwhile
	runs        int
}

// measure makes one round of everything after the other, so that a machine that
// gets slower meanwhile is slower for all of them. In every second one, the order
// within a group is turned round. What cannot be measured is left out, and an error
// in the end.
func (m *measurement) measure(ctx context.Context) error {
	failed := 0
	for round := range m.rounds {
		for _, g := range m.cases {
			cases := g.inRound(round)
			if len(cases) == 0 {
				continue
			}
			if time.Now().Add(g.takes(cases, len(m.subjects))).After(m.ends) {
				fmt.Printf("round %d: no time is left for %s\n", round+1, g.name)
				continue
			}
			err := m.group(ctx, g, cases, round)
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			if err != nil {
				failed++
				fmt.Printf("round %d, %s: %v\n", round+1, g.name, err)
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("not all could be measured in %d of the groups; why is above", failed)
	}
	return nil
}

// takes is how long a round of a group will take: what its runs took last time or,
// by and large, may take.
func (g *group) takes(cases []*situation, subjects int) (sum time.Duration) {
	const around = 4 * time.Second // webhooks, topics, start and end
	for _, c := range cases {
		sum += cmp.Or(c.took, (c.lasts+around)*time.Duration(subjects))
	}
	return sum
}

// group makes the runs of a group, each with every subject. Leads that wait are
// published once for all of them.
func (m *measurement) group(ctx context.Context, g *group, cases []*situation, round int) (err error) {
	p, err := m.plan(ctx, g)
	if err != nil {
		return err
	}
	topic := m.name()
	if g.leads > 0 {
		if err := m.backlog(ctx, topic, p); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.stack.deleteTopics(ctx, topic, false)) }()
	}
	order := slices.Clone(cases)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, c := range order {
		began := time.Now()
		for _, s := range m.subjects {
			o := &one{stack: m.stack, group: g, situation: c, subject: s, plan: p, topic: topic, name: m.name()}
			if g.leads == 0 {
				o.topic = o.name
			}
			if failed := m.run(ctx, o, round); failed != nil {
				err = errors.Join(err, fmt.Errorf("%s, %s: %w", c.name, s.name, failed))
			}
		}
		c.took = time.Since(began)
	}
	return err
}

// run makes one run and notes what was seen.
func (m *measurement) run(ctx context.Context, o *one, round int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r, err := o.measure(ctx)
	if err != nil {
		return err
	}
	c := o.situation
	c.note(o.subject, round, r)
	if c.tellsCapacity && o.subject == m.subjects[0] {
		m.backlogRate = r.rate()
	}
	fmt.Printf("round %d, %s, %s: %s\n", round+1, o.group.fullName(c), o.subject.name, r)
	return nil
}

// plan returns the leads of a group.
func (m *measurement) plan(ctx context.Context, g *group) (*plan, error) {
	if g.leads > 0 {
		return newPlan(g.sets, g.leads, 0), nil
	}
	perSecond := total(g.sets)
	if g.load {
		const share = 0.7
		if err := m.findCapacity(ctx, g); err != nil {
			return nil, err
		}
		perSecond = share * m.capacity
	}
	lasts := time.Duration(0)
	for _, c := range g.cases {
		lasts = max(lasts, c.lasts)
	}
	return newPlan(g.sets, int(perSecond*lasts.Seconds()), perSecond), nil
}

// findCapacity finds out, once, how many leads a second are taken for the same
// webhooks while all is calm, and while leads are published, which takes its part of
// the machine: those of a backlog, when published again, are more than can be taken.
func (m *measurement) findCapacity(ctx context.Context, g *group) error {
	if m.capacity > 0 {
		return nil
	}
	if m.backlogRate == 0 {
		const enough = 500_000
		rate, err := m.rateOf(ctx, &group{name: g.name, sets: g.sets, leads: enough}, newPlan(g.sets, enough, 0))
		if err != nil {
			return err
		}
		m.backlogRate = rate
	}
	rate, err := m.rateOf(ctx, &group{name: g.name, sets: g.sets}, newPlan(g.sets, int(m.backlogRate*usual.Seconds()), m.backlogRate))
	if err != nil {
		return err
	}
	m.capacity = rate
	fmt.Printf("%.0f leads a second are taken of a backlog, %.0f of such as are published meanwhile\n", m.backlogRate, m.capacity)
	return nil
}

// rateOf returns how many leads of a plan are taken a second while all is calm.
func (m *measurement) rateOf(ctx context.Context, g *group, p *plan) (rate float64, err error) {
	o := &one{stack: m.stack, group: g, situation: &situation{warm: warm, lasts: usual}, subject: m.subjects[0], plan: p, name: m.name()}
	o.topic = o.name
	if g.leads > 0 {
		if err := m.backlog(ctx, o.topic, p); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, m.stack.deleteTopics(ctx, o.topic, false)) }()
	}
	r, err := o.measure(ctx)
	if err != nil {
		return 0, err
	}
	return r.rate(), nil
}

// backlog publishes leads that nothing reads yet.
func (m *measurement) backlog(ctx context.Context, topic string, p *plan) error {
	if err := m.stack.createTopics(ctx, topic); err != nil {
		return err
	}
	return m.stack.publish(ctx, topic, p, time.Now())
}

// name returns a new name for a topic or a consumer group.
func (m *measurement) name() string {
	m.runs++
	return fmt.Sprintf("world-%d", m.runs)
}

// note keeps the result of a round.
func (c *situation) note(s *subject, round int, r *result) {
	if c.results == nil {
		c.results = map[string][]*result{}
	}
	for len(c.results[s.name]) <= round {
		c.results[s.name] = append(c.results[s.name], nil)
	}
	c.results[s.name][round] = r
}
