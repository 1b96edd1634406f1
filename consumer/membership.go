package consumer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/wait"
)

// A membership is a time in the group during which the set of topics stays the
// same. When other topics are to be read, it ends and another one begins.
type membership struct {
	c        *Consumer
	waiting  map[string]time.Duration // see Options.Waiting
	missing  atomic.Bool              // an assignment was made while a topic did not exist
	outdated atomic.Bool              // Options.Waiting now returns other topics
}

func newMembership(c *Consumer, waiting map[string]time.Duration) *membership {
	return &membership{c: c, waiting: waiting}
}

func (m *membership) topics() []string {
	return slices.Concat(m.c.opts.Topics, slices.Sorted(maps.Keys(m.waiting)))
}

// run takes part in the group until ctx ends or the topics are outdated.
func (m *membership) run(ctx context.Context) error {
	opts := &m.c.opts
	connection, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	defer disconnect()
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                    opts.Group,
		Brokers:               opts.Brokers,
		Dialer:                dialerUntil(connection, opts.Dialer),
		Topics:                m.topics(),
		GroupBalancers:        []kafka.GroupBalancer{sameNumbers{missing: &m.missing}},
		HeartbeatInterval:     opts.HeartbeatInterval,
		SessionTimeout:        opts.SessionTimeout,
		RebalanceTimeout:      opts.RebalanceTimeout,
		JoinGroupBackoff:      500 * time.Millisecond,
		WatchPartitionChanges: true,
		StartOffset:           kafka.FirstOffset,
		Logger:                m.c.libraryLog(),
	})
	if err != nil {
		return fmt.Errorf("join the consumer group %s: %w", opts.Group, err)
	}
	last := lastMember{m: m}
	m.serveGenerations(ctx, group, &last)
	// Leave before anything else: kafka-go would join the next generation, whose
	// partitions would then be assigned to this instance and not be read.
	defer time.AfterFunc(leaveTimeout, disconnect).Stop()
	err = group.Close()
	last.close()
	return err
}

// serveGenerations serves one generation of the group after the other, until ctx
// ends or the topics are outdated.
func (m *membership) serveGenerations(ctx context.Context, group *kafka.ConsumerGroup, last *lastMember) {
	// A generation can end as soon as it begins, again and again, for instance
	// while a topic is missing. The back-off keeps joins rare.
	backOff := wait.Endless(200*time.Millisecond, 5*time.Second)
	rested := false
	for ctx.Err() == nil && !m.outdated.Load() {
		began, served := time.Now(), false
		gen, err := group.Next(ctx)
		switch {
		case err == nil:
			last.joined(gen.MemberID)
			served = m.serve(ctx, gen)
		case ctx.Err() == nil:
			m.c.health.cannotJoin(err)
			last.lost(ctx, err)
		}
		switch {
		case time.Since(began) > time.Second:
			backOff.Reset()
			rested = false
		case rested && !served: // it ended during the rest, and the whole group waits for this member
			rested = false
		default:
			wait.For(ctx, backOff.NextBackOff())
			rested = true
		}
	}
}

// serve reads the partitions of one generation until it ends or ctx does. It returns
// false if the generation was over already. Nothing is read in such a one: kafka-go does
// not wait for it, so that the partitions may be another member's at any moment.
func (m *membership) serve(ctx context.Context, gen *kafka.Generation) bool {
	served := make(chan bool, 1)
	gen.Start(func(revoked context.Context) {
		if revoked.Err() != nil {
			served <- false
			return
		}
		m.c.metrics.generations.Inc()
		s := &session{c: m.c, m: m, gen: gen, revoked: revoked}
		s.run(ctx)
		served <- true
	})
	return <-served
}

// stillCurrent asks again which topics wait, and reports whether they are still
// the same; if not, it marks the membership as outdated. Without an answer they
// count as the same: the group and the readers notice by themselves that Kafka
// cannot be reached.
func (m *membership) stillCurrent(ctx context.Context) bool {
	waiting, err := m.c.waiting(ctx)
	if err != nil || maps.Equal(waiting, m.waiting) {
		return true
	}
	m.outdated.Store(true)
	return false
}
