package producer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/topics"
)

const (
	requestTimeout = 10 * time.Second // for one request to a broker
	patience       = 3 * time.Second  // Ready ignores stalls that are younger
)

// errClosed is the error of callers that still wait when the Publisher is closed.
var errClosed = errors.New("the publisher was closed before Kafka acknowledged the record")

// Options are the settings of a [Publisher].
type Options struct {
	// Brokers are the addresses (host:port) of some brokers of the cluster, from
	// which it learns of the others. At least one.
	Brokers []string

	// Transport carries the requests; nil means [kafka.DefaultTransport]. It may be
	// shared. The caller closes it, after the Publisher.
	Transport kafka.RoundTripper

	// MaxRecordBytes is the largest request that the topics take uncompressed: the
	// live topic's max.message.bytes and [topics.HeadRoom]. A larger record is
	// compressed (zstd) and sent alone. Zero means Kafka's default for the live
	// topic, 1,048,588 bytes, and topics.HeadRoom.
	MaxRecordBytes int

	// OpenRecords and OpenBytes are how much the callers handle at once. What waits for
	// a partition that is away is a share of it: see [Publisher.Offer]. Zero: no bound.
	OpenRecords, OpenBytes int

	// Compare is told what a broker's clock showed between two moments here: when it
	// acknowledged records of a topic with LogAppendTime. It must not block. nil: nobody is.
	Compare func(theirs, asked, answered time.Time)
}

// A Publisher publishes records and waits until they are safe. It is safe for
// concurrent use; what goroutines publish to the same partition at the same time
// is sent in one request.
type Publisher struct {
	client   *kafka.Client
	brokers  string
	maxBytes int
	handled  load // at once, by the callers
	compare  func(theirs, asked, answered time.Time)
	metrics  *metrics
	stalls   *stalls
	leaders  leaders

	ctx   context.Context // ends with Close
	close context.CancelFunc
	wg    sync.WaitGroup // the goroutines that send

	mu       sync.Mutex
	closed   bool                         // guarded by mu
	outboxes map[topics.Partition]*outbox // guarded by mu, as is every outbox in it
	waiting  map[int]load                 // guarded by mu: the callers that wait, by the number of the partition

	anyWaiting atomic.Int64 // callers
}

// NewPublisher returns a Publisher, which the caller must close. It connects when
// there is something to publish. It registers its metrics with r, which therefore
// takes one Publisher only; with a nil r they are registered nowhere.
func NewPublisher(o Options, r prometheus.Registerer, log *zap.Logger) *Publisher {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Publisher{
		client:   &kafka.Client{Addr: kafka.TCP(o.Brokers...), Transport: o.Transport, Timeout: requestTimeout},
		brokers:  strings.Join(o.Brokers, ", "),
		maxBytes: cmp.Or(o.MaxRecordBytes, topics.DefaultMaxBytes+topics.HeadRoom),
		compare:  o.Compare,
		handled:  load{o.OpenRecords, o.OpenBytes},
		metrics:  newMetrics(r),
		stalls:   newStalls(log),
		ctx:      ctx,
		close:    cancel,
		outboxes: make(map[topics.Partition]*outbox),
		waiting:  make(map[int]load),
	}
	if r != nil {
		r.MustRegister(stalledGauges{p.stalls})
	}
	return p
}

// Publish blocks until all in-sync replicas have acknowledged the record. It
// retries for ever, whatever the error is, and waits longer each time, up to some
// seconds. It returns nil or, if ctx ends first, [context.Cause]. After
// [Publisher.Close] it returns an error at once.
//
// A record is published twice if an acknowledgement is lost, and may be published
// although ctx ended before its acknowledgement came.
func (p *Publisher) Publish(ctx context.Context, r Record) error { return p.await(newWaiter(ctx, r)) }

// await submits w and waits for its answer.
func (p *Publisher) await(w *waiter) error {
	defer p.observe()()
	p.submit(w)
	answered, err := w.wait()
	p.leave(w)
	if answered {
		return err
	}
	return context.Cause(w.ctx)
}

// PublishAll publishes the records and blocks until each is acknowledged or ctx
// ends, which should have a deadline. The result has an error for each record, nil
// if it is acknowledged and safe. If ctx ended, the error names the last cause. A
// record that the broker refuses for good is not retried. As with
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
		answered, err := w.wait()
		p.leave(w)
		if answered {
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

// Ready returns nil, or an error if records could not be published for some seconds:
// which, and why. It does not block.
func (p *Publisher) Ready() error {
	all := p.stalls.list(patience)
	if len(all) == 0 {
		return nil
	}
	others := ""
	if n := len(all) - 1; n > 0 {
		others = fmt.Sprintf(" (and %d more)", n)
	}
	oldest := &all[0]
	return fmt.Errorf("cannot publish to %s%s since %s: %w", oldest.at, others, oldest.since.UTC().Format(time.RFC3339), oldest.cause)
}

// Stalled names each partition to which records could not be published for some seconds,
// since when, and why, the oldest first. It does not block.
func (p *Publisher) Stalled() []string {
	all := p.stalls.list(patience)
	lines := make([]string, len(all))
	for i := range all {
		lines[i] = all[i].String()
	}
	return lines
}

// Close cancels all requests and waits for the goroutines, which takes no
// noticeable time. Call it when no Publish is running: one that is running returns an
// error, and its record may or may not be published. Close returns nil.
func (p *Publisher) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.close()
	p.wg.Wait()
	return nil
}

// observe counts a waiting caller, until the function that it returns is called.
func (p *Publisher) observe() func() {
	begin := time.Now()
	p.metrics.waiting.Inc()
	return func() {
		p.metrics.waiting.Dec()
		p.metrics.seconds.Observe(time.Since(begin).Seconds())
	}
}
