package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

// A Handler takes one message and blocks until it is settled.
//
// Handle returns nil if the message is settled: whatever had to become of it
// has become of it, and is acknowledged. An error means that it is not, since
// ctx ended first; the message is then read again, here or by another
// instance. ctx ends when the partition is taken away or the service stops:
// waits should end then, work that must not be cut may go on.
type Handler interface {
	Handle(ctx context.Context, m *lead.Message) error
}

// Options are what a Consumer needs to know. All fields are required unless
// they say otherwise.
type Options struct {
	Brokers []string      // host:port, the first that answers is asked for the others
	Dialer  *kafka.Dialer // for the group and the readers; TLS and SASL are its own
	Client  *kafka.Client // for questions about offsets; its Addr must be set

	Group  string
	Topics []string

	SessionTimeout    time.Duration // after so long without a heartbeat the group gives up a member
	RebalanceTimeout  time.Duration // how long the group waits for its members at a rebalance
	HeartbeatInterval time.Duration

	FetchMaxBytes  int // of one fetch request of one partition
	CommitInterval time.Duration

	OpenEvents int           // messages open at once, over all partitions
	OpenBytes  int           // bytes open at once, over all partitions; some messages a partition come on top
	StuckAfter time.Duration // a message open for longer makes the consumer not ready
}

// drainTime is how long open messages may go on settling when a partition is
// taken away or the service stops, before their waits are cut. While it lasts,
// the whole group stands still, so it is short.
const drainTime = time.Second

// leaveTime is how long leaving the group may take. A broker that does not
// answer by then finds out by itself, after the session time-out.
const leaveTime = 5 * time.Second

// errRevoked and errStopping are the causes with which a Handler's ctx ends.
var (
	errRevoked  = errors.New("the partitions are assigned anew")
	errStopping = errors.New("the service is stopping")
)

// A Consumer is one member of a consumer group.
type Consumer struct {
	opts    Options
	handler Handler
	log     *zap.Logger
	metrics *metrics
	health  *health
	budget  *budget

	handlers sync.WaitGroup // every Handle under way, of any generation
}

// New returns a Consumer that does nothing until [Consumer.Run].
func New(opts Options, handler Handler, reg prometheus.Registerer, log *zap.Logger) *Consumer {
	c := &Consumer{
		opts:    opts,
		handler: handler,
		log:     log,
		health:  newHealth(opts.StuckAfter, log),
		budget:  newBudget(opts.OpenEvents, opts.OpenBytes),
	}
	c.metrics = newMetrics(reg, c.health, c.budget)
	return c
}

// Run takes part in the group until ctx ends. Then it fetches nothing more,
// lets what is open settle (waits are cut after a second, attempts are not),
// commits, leaves the group and returns nil. It returns an error only if the
// options cannot work; Kafka being away is waited for.
func (c *Consumer) Run(ctx context.Context) error {
	member, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	defer disconnect()
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                    c.opts.Group,
		Brokers:               c.opts.Brokers,
		Dialer:                connected(member, c.opts.Dialer),
		Topics:                c.opts.Topics,
		GroupBalancers:        []kafka.GroupBalancer{sameNumbers{}},
		HeartbeatInterval:     c.opts.HeartbeatInterval,
		SessionTimeout:        c.opts.SessionTimeout,
		RebalanceTimeout:      c.opts.RebalanceTimeout,
		JoinGroupBackoff:      500 * time.Millisecond,
		WatchPartitionChanges: true,
		StartOffset:           kafka.FirstOffset,
		Logger:                c.libraryLog(),
	})
	if err != nil {
		return fmt.Errorf("join the consumer group %s: %w", c.opts.Group, err)
	}
	c.generations(ctx, group)
	// First: kafka-go would go on to the next generation, whose partitions
	// nobody here reads any more.
	defer time.AfterFunc(leaveTime, disconnect).Stop()
	err = group.Close()
	c.handlers.Wait()
	return err
}

// generations serves one generation of the group after the other.
func (c *Consumer) generations(ctx context.Context, group *kafka.ConsumerGroup) {
	// A generation can end as soon as it began, again and again, for instance
	// while a topic is missing: this keeps the joins rare.
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(200*time.Millisecond),
		backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(0))
	for ctx.Err() == nil {
		began := time.Now()
		if gen, err := group.Next(ctx); err == nil {
			c.serve(ctx, gen)
		} else if ctx.Err() == nil {
			c.health.away(err)
		}
		if time.Since(began) > time.Second {
			wait.Reset()
			continue
		}
		pause(ctx, wait.NextBackOff())
	}
}

// serve reads the partitions of one generation until it ends or ctx does.
func (c *Consumer) serve(ctx context.Context, gen *kafka.Generation) {
	c.metrics.generations.Inc()
	ended := make(chan struct{})
	gen.Start(func(revoked context.Context) {
		defer close(ended)
		s := &session{c: c, gen: gen, revoked: revoked}
		s.run(ctx)
	})
	<-ended
}

// Ready returns nil while the Consumer is a member of its group, reads its
// partitions, and no message has been open for too long; else an error that
// says what is wrong. It does not block.
func (c *Consumer) Ready() error { return c.health.ready() }

func (c *Consumer) libraryLog() kafka.Logger {
	log := c.log.Named("kafka")
	return kafka.LoggerFunc(func(format string, args ...any) {
		if e := log.Check(zap.DebugLevel, "kafka-go"); e != nil {
			e.Write(zap.String("said", fmt.Sprintf(format, args...)))
		}
	})
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
