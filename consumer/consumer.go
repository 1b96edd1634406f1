package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// A Handler takes one message and blocks until it is settled.
//
// Handle returns nil if the message is settled: everything that follows from it
// is done and acknowledged. It returns an error if ctx ended first; the message
// is then read again, by this instance or by another. ctx ends when the partition
// is revoked or the service stops: waits should end then, but work that must not
// be interrupted may go on.
//
// Handle calls started once the message waits only for its destinations, with the
// number of its deliveries that have not ended; and again, in the same goroutine or
// one after the other, when there are fewer. Until the first call, but for no longer
// than 15 to 30 ms, the message counts as starting. At most an eighth of OpenEvents,
// but from 16 to 256, may be starting at once. Each delivery that has not ended counts
// as a message that is open; this may exceed OpenEvents, and the next fetch then waits.
type Handler interface {
	Handle(ctx context.Context, m *lead.Message, started func(deliveries int)) error
}

// Options configure a Consumer. All fields are required unless they say
// otherwise.
type Options struct {
	Brokers []string      // host:port; the first that answers names the others
	Dialer  *kafka.Dialer // for the group and the fetches, with TLS and SASL
	Client  *kafka.Client // for topics and offsets; its Addr must be set

	Group  string
	Topics []string // messages of these are handled as soon as possible

	// Waiting returns the topics whose messages wait before they are handled,
	// each with the longest wait of a message. It is called before the group is
	// joined and every ten seconds; if the result has changed, the consumer
	// rejoins the group. If it is nil, there are no such topics.
	Waiting func(ctx context.Context) (map[string]time.Duration, error)

	// Due returns when a message of such a topic may be handled. The messages of
	// a partition are handled in order, so each should be due no sooner than the
	// one before it. It is required with Waiting.
	Due func(m *lead.Message) time.Time

	// Full reports whether so much waits elsewhere for what the partitions of that number
	// need that no further message of them should be opened for now. It is called before
	// each message, and must not block. nil: never.
	Full func(partition int) bool

	// BeforeLastCommit is called when a generation ends, before its last commit.
	// It should store what lets the next reader of a message find out that the
	// message is settled. ctx ends after half a second. If it is nil, nothing is
	// called.
	BeforeLastCommit func(ctx context.Context) error

	SessionTimeout    time.Duration // a member without a heartbeat for this long is removed from the group
	RebalanceTimeout  time.Duration // how long the group waits for its members at a rebalance
	HeartbeatInterval time.Duration

	// Watermarks keep beside the commits how far each partition is settled, so that a
	// group that has committed nothing knows where to begin. If it is nil, such a group
	// begins at the first message.
	Watermarks Watermarks

	// Start is where to begin with a partition if something of it was handled before,
	// and nobody knows how far: StartEarliest, StartLatest, or a time (RFC 3339). If it
	// is empty, the partition is not read.
	Start string

	// Retention is for how long it is remembered what was handled. A partition whose
	// commits have been held up for half of it is read no further. Zero: 72 hours.
	Retention time.Duration

	FetchMaxBytes  int           // the most bytes of one fetch, which is for all partitions that a broker leads
	MaxRecordBytes int           // a larger record is handled without its value: see [lead.Message.Omitted]
	CommitInterval time.Duration // how often the offsets of settled messages are committed

	OpenEvents int           // messages open at once, over all partitions: see Handler
	OpenBytes  int           // bytes open at once, over all partitions, not counting what is fetched ahead: at most a quarter as much, or two fetches
	StuckAfter time.Duration // with a message open for longer, the consumer is not ready
}

// The words of [Options.Start].
const (
	StartEarliest = "earliest"
	StartLatest   = "latest"
)

// The time-outs at the end of a session are short: when partitions are revoked,
// the whole group stands still until this instance has released its own.
const (
	drainStep       = 200 * time.Millisecond // for some of the open messages to settle
	drainSteps      = 3                      // how often at most, before the Handler's ctx ends
	handOverTimeout = 500 * time.Millisecond // then for the Handler to hand over the others
	flushTimeout    = 500 * time.Millisecond // for BeforeLastCommit
	keepTimeout     = 200 * time.Millisecond // then for the watermarks
)

// leaveTimeout is for leaving the group. If the broker does not answer by then,
// it removes the member after the session time-out.
const leaveTimeout = 5 * time.Second

// errRevoked is the cause of the end of a Handler's ctx.
var errRevoked = errors.New("the partitions were revoked or the service stops")

// A Consumer is one member of a consumer group.
type Consumer struct {
	opts    Options
	handler Handler
	log     *zap.Logger
	metrics *metrics
	health  *health
	fresh   *budget // for Topics
	waited  *budget // for the topics of Options.Waiting; nil without any

	handlers sync.WaitGroup // every running Handle, of any generation
}

// One waitedShare-th of the budget is for messages that have waited. Fresh
// messages never take it, and messages that have waited never take more.
const waitedShare = 4

// New returns a Consumer that does nothing until [Consumer.Run].
func New(opts Options, handler Handler, reg prometheus.Registerer, log *zap.Logger) *Consumer {
	opts.Retention = cmp.Or(opts.Retention, 72*time.Hour)
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

// Run takes part in the group until ctx ends. Then it stops fetching, gives open
// messages a moment to settle, commits, leaves the group, waits until every
// Handle has returned, and returns nil. It returns an error only if the options
// cannot work; while Kafka cannot be reached, it retries.
func (c *Consumer) Run(ctx context.Context) error {
	defer c.handlers.Wait()
	backOff := wait.Endless(100*time.Millisecond, 5*time.Second)
	for ctx.Err() == nil {
		waiting, err := c.waiting(ctx)
		if err != nil {
			c.health.cannotJoin(err)
			wait.For(ctx, backOff.NextBackOff())
			continue
		}
		backOff.Reset()
		if err := newMembership(c, waiting).run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// waiting asks which topics wait: see [Options.Waiting].
func (c *Consumer) waiting(ctx context.Context) (map[string]time.Duration, error) {
	if c.opts.Waiting == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	topics, err := c.opts.Waiting(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask which topics wait: %w", err)
	}
	return topics, nil
}

// requestTimeout is for a request to the brokers about topics or offsets.
const requestTimeout = 10 * time.Second

// Ready returns nil while the Consumer is a member of its group, reads its
// partitions, commits, and no message has been open for longer than StuckAfter;
// otherwise it returns an error that says what is wrong. It does not block.
func (c *Consumer) Ready() error { return c.health.ready() }

// Stuck names each partition in which a message has been open for longer than StuckAfter,
// and since when. It does not block.
func (c *Consumer) Stuck() []string { return c.health.stuck() }

// libraryLog returns a logger for kafka-go, at debug level.
func (c *Consumer) libraryLog() kafka.Logger {
	log := c.log.Named("kafka")
	return kafka.LoggerFunc(func(format string, args ...any) {
		if e := log.Check(zap.DebugLevel, "kafka-go"); e != nil {
			e.Write(zap.String("text", fmt.Sprintf(format, args...)))
		}
	})
}
