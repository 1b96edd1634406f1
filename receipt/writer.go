package receipt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/topics"
)

const (
	batchAge   = 100 * time.Millisecond // a batch is closed so long after its first receipt
	batchBytes = 512 << 10              // or once it is as large as that
	groupAge   = time.Second            // so long are events without webhooks gathered
	maxPending = 16 << 20               // bytes, of one partition
	giveUpTime = time.Minute            // for so long is a batch tried, unless receipts are required
	gapTime    = 5 * time.Second        // for so long is the receipt of a gap tried before more is given up
)

// A Publisher publishes records to one partition. It retries until all in-sync replicas have
// them, and returns an error only if ctx ends first. [*producer.Publisher] is one.
type Publisher interface {
	PublishBatch(ctx context.Context, to topics.Partition, records []producer.Record) error
}

// Options are the settings of a [Writer].
type Options struct {
	Topic    string // of the receipts: see [topics.ReceiptsName]. It must have as many partitions as the live topic
	Instance string // what this process is called, in each receipt

	// Required says what happens if the topic does not take a receipt for a minute. If it is
	// true, receipts wait for as long as necessary, and so do the commits that wait for them.
	// If it is false, the receipts of that partition are given up, and leads go on. A receipt
	// of the type gap then says which records have none, as soon as the topic takes it.
	Required bool
}

// A Writer gathers receipts and publishes them in compressed batches, to the partition of the
// receipts' topic with the number that the record's partition has. A batch is published 100 ms
// after its first receipt, or once it has 512 KiB; the batches of a partition one by one, in
// the order of the receipts. It is safe for concurrent use.
//
// A receipt is published twice if its acknowledgement was lost.
type Writer struct {
	opts      Options
	publisher Publisher
	log       *zap.Logger
	metrics   *metrics
	gaps      *gaps

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // the goroutines of partitions

	mu         sync.Mutex
	closed     bool               // guarded by mu
	partitions map[int]*partition // guarded by mu
}

// ErrClosed is the error of what comes after [Writer.Close].
var ErrClosed = errors.New("the writer of receipts was closed")

// NewWriter returns a Writer, which the caller must close before the publisher. It registers
// its metrics with reg, which therefore takes one Writer only; with a nil reg they are
// registered nowhere.
func NewWriter(o Options, p Publisher, reg prometheus.Registerer, log *zap.Logger) *Writer {
	w := &Writer{opts: o, publisher: p, log: log, gaps: newGaps(log), partitions: map[int]*partition{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.metrics = newMetrics(reg, w)
	return w
}

// Write takes the receipt of a record or of a late attempt, whose Place it has, and sets its
// Instance. It encodes the receipt at once: the caller may change it afterwards. settled is
// called once the receipt is safe, or given up: the record may then be committed. It is called
// by another goroutine, and must not block. nil: nobody is.
//
// Write blocks only while 16 MiB of the partition are pending. If ctx ends first, it returns
// [context.Cause], and after Close [ErrClosed]; settled is then not called.
func (w *Writer) Write(ctx context.Context, r *Receipt, settled func()) error {
	p, err := w.acquire(ctx, r.Place.Partition)
	if err != nil {
		return err
	}
	defer p.mu.Unlock()
	r.Instance = w.opts.Instance
	p.add(r, ranges{r.Place.alone()}, settled)
	return nil
}

// NoWebhooks is [Writer.Write] for a record that is an event of an advertiser without webhooks.
// Those of a partition that come within a second have one receipt.
func (w *Writer) NoWebhooks(ctx context.Context, at Place, settled func()) error {
	p, err := w.acquire(ctx, at.Partition)
	if err != nil {
		return err
	}
	defer p.mu.Unlock()
	p.gather(at.alone(), settled)
	return nil
}

// alone returns the record as a range.
func (p Place) alone() Offsets {
	return Offsets{Topic: p.Topic, First: p.Offset, Last: p.Offset, Count: 1}
}

// Flush publishes what is pending now, and blocks until all of it is safe or given up. Its
// error is that of ctx.
func (w *Writer) Flush(ctx context.Context) error {
	pending := make(map[int]<-chan struct{})
	for _, p := range w.all() {
		if done := p.flush(); done != nil {
			pending[p.to.Number] = done
		}
	}
	for number, done := range pending {
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("receipts of partition %d are not acknowledged: %w", number, context.Cause(ctx))
		}
	}
	return nil
}

// Close publishes what is pending, and blocks until it is safe, with the records of gaps, or
// ctx ends. It then gives up what is still pending, whose settled is never called: such a
// record is not committed, and is read again. Call it when no Write is running.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	for _, p := range w.all() {
		p.flush()
	}
	idle := make(chan struct{})
	go func() {
		w.wg.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("receipts are not acknowledged: %w", context.Cause(ctx))
	}
	w.cancel()
	<-idle
	return err
}

// acquire returns the partition with that number, locked, once it has room.
func (w *Writer) acquire(ctx context.Context, number int) (*partition, error) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil, ErrClosed
	}
	p := w.partitions[number]
	if p == nil {
		p = &partition{w: w, to: topics.Partition{Topic: w.opts.Topic, Number: number}, wake: make(chan struct{}, 1)}
		w.partitions[number] = p
	}
	w.mu.Unlock()
	return p, p.acquire(ctx)
}

func (w *Writer) all() []*partition {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]*partition, 0, len(w.partitions))
	for _, p := range w.partitions {
		all = append(all, p)
	}
	return all
}
