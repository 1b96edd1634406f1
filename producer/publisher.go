package producer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/topics"
)

const (
	requestTimeout = 10 * time.Second // for one request to a broker
	patience       = 3 * time.Second  // a stall that is younger does not show in Ready
)

// errClosed is what callers get who wait although the Publisher is closed.
var errClosed = errors.New("the publisher was closed before Kafka acknowledged the record")

// Options say how a [Publisher] reaches Kafka.
type Options struct {
	// Brokers are addresses (host:port) of some brokers of the cluster, which
	// name the others. At least one.
	Brokers []string

	// Transport carries the requests; nil means [kafka.DefaultTransport]. It may
	// be shared, and whoever made it closes it, after the Publisher.
	Transport kafka.RoundTripper

	// MaxRecordBytes is the largest request that the topics take uncompressed:
	// the live topic's max.message.bytes and [topics.HeadRoom]. A record that is larger
	// is compressed (zstd) and sent on its own. Zero means Kafka's default for
	// the live topic, 1,048,588 bytes, and topics.HeadRoom.
	MaxRecordBytes int
}

// A Publisher publishes records and waits until they are safe. It may be used
// by many goroutines at once; what they publish to the same partition at the
// same time travels together.
type Publisher struct {
	client   *kafka.Client
	brokers  string
	maxBytes int
	metrics  *metrics
	stalls   *stalls

	ctx   context.Context // ends with Close
	close context.CancelFunc
	wg    sync.WaitGroup // the goroutines that send

	mu       sync.Mutex
	closed   bool                         // guarded by mu
	outboxes map[topics.Partition]*outbox // guarded by mu, and every outbox in it too
}

// NewPublisher returns a Publisher. It connects when there is something to
// publish. Its metrics go to r, once per r; nil: nowhere.
func NewPublisher(o Options, r prometheus.Registerer, log *zap.Logger) *Publisher {
	ctx, cancel := context.WithCancel(context.Background())
	return &Publisher{
		client:   &kafka.Client{Addr: kafka.TCP(o.Brokers...), Transport: o.Transport, Timeout: requestTimeout},
		brokers:  strings.Join(o.Brokers, ", "),
		maxBytes: cmp.Or(o.MaxRecordBytes, topics.DefaultMaxBytes+topics.HeadRoom),
		metrics:  newMetrics(r),
		stalls:   newStalls(log),
		ctx:      ctx,
		close:    cancel,
		outboxes: make(map[topics.Partition]*outbox),
	}
}

// Publish blocks until all in-sync replicas have acknowledged the record. It
// tries for ever, waiting longer each time up to some seconds, whatever the
// error is, and returns nil or, when ctx ends first, [context.Cause]. (After
// [Publisher.Close] it returns an error at once.)
//
// A record is published twice when an acknowledgement was lost, and may be
// published although ctx ended before its acknowledgement came.
func (p *Publisher) Publish(ctx context.Context, r Record) error {
	defer p.observe()()
	w := newWaiter(ctx, r)
	p.submit(w)
	if answered, err := w.wait(); answered {
		return err
	}
	return context.Cause(ctx)
}

// PublishAll publishes the records and blocks until each is acknowledged or ctx
// ends, which should have a deadline. The result has an error for each record,
// nil where it is acknowledged: those are safe. Where ctx ended the error names
// the last cause; what the broker refuses for good is not tried again. As with
// [Publisher.Publish], a record may have been published despite its error.
//
// It is for tools: all records are in memory at once.
func (p *Publisher) PublishAll(ctx context.Context, rs []Record) []error {
	waiters := make([]*waiter, len(rs))
	for i, r := range rs {
		waiters[i] = newWaiter(ctx, r)
		waiters[i].mayFail = true
		p.submit(waiters[i])
	}
	errs := make([]error, len(rs))
	for i, w := range waiters {
		if answered, err := w.wait(); answered {
			errs[i] = err
			continue
		}
		errs[i] = fmt.Errorf("publishing to %s: %w", w.record.Topic, cmp.Or(w.cause(), p.noAnswer(ctx)))
	}
	return errs
}

func (p *Publisher) noAnswer(ctx context.Context) error {
	return fmt.Errorf("no acknowledgement from %s: %w", p.brokers, context.Cause(ctx))
}

// Ready says what cannot be published and why, while that has been so for some
// seconds, and is nil otherwise.
func (p *Publisher) Ready() error {
	if err := p.stalls.err(patience); err != nil {
		return fmt.Errorf("cannot publish to %w", err)
	}
	return nil
}

// Close ends the tries under way, which takes no time worth mentioning, and
// waits for the goroutines. Close it when no Publish is under way: one that is
// returns an error, and its record may or may not be published. It returns nil.
func (p *Publisher) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.close()
	p.wg.Wait()
	return nil
}

// observe counts a caller in; the function that it returns counts it out.
func (p *Publisher) observe() func() {
	begin := time.Now()
	p.metrics.waiting.Inc()
	return func() {
		p.metrics.waiting.Dec()
		p.metrics.seconds.Observe(time.Since(begin).Seconds())
	}
}
