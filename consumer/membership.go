package consumer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// A membership is a time in the group during which the topics stay the same.
// When others are to be read, it ends and the next one begins.
type membership struct {
	c        *Consumer
	waiting  map[string]time.Duration // the topics whose messages wait
	lacking  atomic.Bool              // an assignment was made while a topic was missing
	outdated atomic.Bool              // other topics wait than before
}

func newMembership(c *Consumer, waiting map[string]time.Duration) *membership {
	return &membership{c: c, waiting: waiting}
}

func (m *membership) topics() []string {
	return slices.Concat(m.c.opts.Topics, slices.Sorted(maps.Keys(m.waiting)))
}

// run takes part until ctx ends or the topics are outdated.
func (m *membership) run(ctx context.Context) error {
	opts := &m.c.opts
	connection, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	defer disconnect()
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                    opts.Group,
		Brokers:               opts.Brokers,
		Dialer:                connected(connection, opts.Dialer),
		Topics:                m.topics(),
		GroupBalancers:        []kafka.GroupBalancer{sameNumbers{lacking: &m.lacking}},
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
	m.generations(ctx, group)
	// First: kafka-go would go on to the next generation, whose partitions
	// nobody here reads any more.
	defer time.AfterFunc(leaveTime, disconnect).Stop()
	return group.Close()
}

// generations serves one generation of the group after the other.
func (m *membership) generations(ctx context.Context, group *kafka.ConsumerGroup) {
	// A generation can end as soon as it began, again and again, for instance
	// while a topic is missing: this keeps the joins rare.
	wait := newBackOff(200*time.Millisecond, 5*time.Second)
	for ctx.Err() == nil && !m.outdated.Load() {
		began := time.Now()
		if gen, err := group.Next(ctx); err == nil {
			m.serve(ctx, gen)
		} else if ctx.Err() == nil {
			m.c.health.away(err)
		}
		if time.Since(began) > time.Second {
			wait.Reset()
			continue
		}
		pause(ctx, wait.NextBackOff())
	}
}

// serve reads the partitions of one generation until it ends or ctx does.
func (m *membership) serve(ctx context.Context, gen *kafka.Generation) {
	m.c.metrics.generations.Inc()
	ended := make(chan struct{})
	gen.Start(func(revoked context.Context) {
		defer close(ended)
		s := &session{c: m.c, m: m, gen: gen, revoked: revoked}
		s.run(ctx)
	})
	<-ended
}

// current says whether the topics that wait are still the same, as far as the
// brokers tell.
func (m *membership) current(ctx context.Context) bool {
	waiting, err := m.c.waiting(ctx)
	if err != nil || maps.Equal(waiting, m.waiting) {
		return true // Kafka being away shows itself in the group and in the readers
	}
	m.outdated.Store(true)
	return false
}
