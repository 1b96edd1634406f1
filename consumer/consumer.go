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
//
// It calls started once the message has nothing more to wait for but those that
// it goes to; later calls do nothing. Until then, or for 15 to 30 ms, it is one of
// the few messages at once that the Consumer lets start, an eighth of OpenEvents
// (16 at least).
type Handler interface {
	Handle(ctx context.Context, m *lead.Message, started func()) error
}

// Options are what a Consumer needs to know. All fields are required unless
// they say otherwise.
type Options struct {
	Brokers []string      // host:port, the first that answers is asked for the others
	Dialer  *kafka.Dialer // for the group and the readers; TLS and SASL are its own
	Client  *kafka.Client // for questions about offsets; its Addr must be set

	Group  string
	Topics []string // whose messages are handled as soon as they can be

	// Waiting lists the topics whose messages wait before they are handled, and
	// how long each waits at most. It is asked before the group is joined and
	// every ten seconds; where the answer has changed, the group is joined anew.
	// Nil: there are none.
	Waiting func(ctx context.Context) (map[string]time.Duration, error)

	// Due says when a message of such a topic may be handled. The messages of a
	// partition are handled in order, so each should be due after the one before
	// it. Required with Waiting.
	Due func(m *lead.Message) time.Time

	// BeforeLastCommit is called when a generation ends, before its last commit:
	// what makes settled messages known to their next reader should be written
	// by then. ctx ends after half a second. Nil: nothing is called.
	BeforeLastCommit func(ctx context.Context) error

	SessionTimeout    time.Duration // after so long without a heartbeat the group gives up a member
	RebalanceTimeout  time.Duration // how long the group waits for its members at a rebalance
	HeartbeatInterval time.Duration

	FetchMaxBytes  int // of one fetch request of one partition
	CommitInterval time.Duration

	OpenEvents int           // messages open at once, over all partitions
	OpenBytes  int           // bytes open at once, over all partitions; some messages a partition come on top
	StuckAfter time.Duration // a message open for longer makes the consumer not ready
}

// When partitions are taken away or the service stops, the whole group stands
// still until this instance has let go, so it is soon: drainTime is how long
// open messages may go on settling before their waits are cut, handOverTime how
// long what is still open then has to be handed over, flushTime how long
// BeforeLastCommit has.
const (
	drainTime    = 700 * time.Millisecond
	handOverTime = 500 * time.Millisecond
	flushTime    = 500 * time.Millisecond
)

// leaveTime is how long leaving the group may take. A broker that does not
// answer by then finds out by itself, after the session time-out.
const leaveTime = 5 * time.Second

// errRevoked is the cause with which a Handler's ctx ends.
var errRevoked = errors.New("the partitions are assigned anew or the service stops")

// A Consumer is one member of a consumer group.
type Consumer struct {
	opts    Options
	handler Handler
	log     *zap.Logger
	metrics *metrics
	health  *health
	fresh   *budget // for Topics
	waited  *budget // for what has waited

	handlers sync.WaitGroup // every Handle under way, of any generation
}

// waitedShare is the part of what may be open that is kept for messages that
// have waited: fresh ones leave it to them, however many there are, and they
// take no more, however many are due.
const waitedShare = 4

// New returns a Consumer that does nothing until [Consumer.Run].
func New(opts Options, handler Handler, reg prometheus.Registerer, log *zap.Logger) *Consumer {
	c := &Consumer{
		opts:    opts,
		handler: handler,
		log:     log,
		health:  newHealth(opts.StuckAfter, log),
		fresh:   newBudget(opts.OpenEvents, opts.OpenBytes),
	}
	if opts.Waiting != nil {
		c.waited = newBudget(max(1, opts.OpenEvents/waitedShare), opts.OpenBytes/waitedShare)
		c.fresh = newBudget(max(1, opts.OpenEvents-opts.OpenEvents/waitedShare), opts.OpenBytes-opts.OpenBytes/waitedShare)
	}
	c.metrics = newMetrics(reg, c.health, c.fresh, c.waited)
	return c
}

// Run takes part in the group until ctx ends. Then it fetches nothing more,
// lets what is open settle for a moment, commits, leaves the group, waits for
// what the Handler has not returned from, and returns nil. It returns an error
// only if the options cannot work; Kafka being away is waited for.
func (c *Consumer) Run(ctx context.Context) error {
	defer c.handlers.Wait()
	wait := newBackOff(100*time.Millisecond, 5*time.Second)
	for ctx.Err() == nil {
		waiting, err := c.waiting(ctx)
		if err != nil {
			c.health.away(err)
			pause(ctx, wait.NextBackOff())
			continue
		}
		wait.Reset()
		if err := newMembership(c, waiting).run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// waiting asks which topics there are whose messages wait.
func (c *Consumer) waiting(ctx context.Context) (map[string]time.Duration, error) {
	if c.opts.Waiting == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	topics, err := c.opts.Waiting(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask which topics wait: %w", err)
	}
	return topics, nil
}

// questionTime is how long a question to the brokers may take.
const questionTime = 10 * time.Second

func newBackOff(first, longest time.Duration) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(first),
		backoff.WithMaxInterval(longest), backoff.WithMaxElapsedTime(0))
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
