package producer

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/topics"
)

const (
	// batchRecords is how many records travel together at most.
	batchRecords = 1000

	// gather is how long records gather between the beginnings of two requests
	// for the same place. A request costs the broker more than a hundred records
	// in it do, and nobody who waits for it is in a hurry; a first one goes at once.
	gather = 100 * time.Millisecond

	firstWait   = 100 * time.Millisecond // before a batch that Kafka did not take is sent again
	longestWait = 4 * time.Second
)

// An outbox holds the records for one place that are not on their way yet. One
// goroutine sends them, and lives as long as there are any: what arrives while
// a request is under way travels together in the next, so that the batches
// grow with the load.
type outbox struct {
	to      topics.Partition
	queue   []*waiter
	running bool // a goroutine sends what is queued
}

// A waiter is a record that somebody waits for.
type waiter struct {
	ctx     context.Context // when it ends, nobody waits any more
	record  Record
	size    int
	mayFail bool       // what the broker refuses for good is not tried again
	done    chan error // has room for the one answer

	failed atomic.Pointer[error] // why the last try failed; nil: none did
}

func newWaiter(ctx context.Context, r Record) *waiter {
	r.Partition = max(r.Partition, topics.AnyPartition)
	return &waiter{ctx: ctx, record: r, size: r.size(), done: make(chan error, 1)}
}

// wait blocks until the record is answered for, or nobody wants to know any
// more.
func (w *waiter) wait() (answered bool, err error) {
	select {
	case err := <-w.done:
		return true, err
	case <-w.ctx.Done():
	}
	select {
	case err := <-w.done:
		return true, err
	default:
		return false, nil
	}
}

func (w *waiter) cause() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// submit puts w into its outbox and sees to it that somebody sends it.
func (p *Publisher) submit(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		w.done <- errClosed
		return
	}
	at := topics.Partition{Topic: w.record.Topic, Number: w.record.Partition}
	o := p.outboxes[at]
	if o == nil {
		o = &outbox{to: at}
		p.outboxes[at] = o
	}
	o.queue = append(o.queue, w)
	if !o.running {
		o.running = true
		p.wg.Go(func() { p.run(o) })
	}
}

func (p *Publisher) run(o *outbox) {
	for batch := p.next(o); len(batch) > 0; batch = p.next(o) {
		began := time.Now()
		p.send(o.to, batch, p.together)
		if tool := batch[0].mayFail; !tool && !p.full(o) { // a tool has no more before this is acknowledged
			wait.For(p.ctx, gather-time.Since(began))
		}
	}
}

// full says whether more is queued than can travel together.
func (p *Publisher) full(o *outbox) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(o.queue) >= batchRecords
}

// next takes as much from the outbox as may travel together. When there is
// nothing, the outbox is not running any more.
func (p *Publisher) next(o *outbox) []*waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, bytes := 0, 0
	for n < min(len(o.queue), batchRecords) && (n == 0 || bytes+o.queue[n].size <= p.maxBytes) {
		bytes += o.queue[n].size
		n++
	}
	batch := slices.Clone(o.queue[:n])
	o.queue = slices.Delete(o.queue, 0, n)
	o.running = n > 0
	return batch
}

// A way is how a batch gets to its place. It returns the records that are
// acknowledged; the rest is somebody else's care then. An error means that the
// whole batch is to be tried again.
type way func(ctx context.Context, at topics.Partition, batch []*waiter) (acknowledged []*waiter, err error)

// send tries until each record of the batch has an answer or nobody waits for
// it any more.
func (p *Publisher) send(at topics.Partition, batch []*waiter, try way) {
	backOff := wait.Endless(firstWait, longestWait)
	current := &stall{at: at, since: time.Now()}
	for batch = wanted(batch); len(batch) > 0; batch = wanted(batch) {
		acknowledged, err := try(p.ctx, at, batch)
		if err == nil {
			p.stalls.recovered(current) // first, so that Ready is true when Publish returns
			answer(acknowledged, nil)
			return
		}
		if p.ctx.Err() != nil {
			answer(batch, errClosed)
			break
		}
		p.metrics.failures.WithLabelValues(at.Topic).Inc()
		cause := at.Explain(err, p.brokers)
		p.stalls.failed(current, cause)
		batch = tell(batch, cause, isFinal(err))
		wait.For(p.ctx, backOff.NextBackOff())
	}
	p.stalls.abandoned(current)
}

// wanted are the records of the batch that somebody waits for.
func wanted(batch []*waiter) []*waiter {
	kept := make([]*waiter, 0, len(batch))
	for _, w := range batch {
		if w.ctx.Err() == nil {
			kept = append(kept, w)
		}
	}
	return kept
}

// tell lets each waiter know why it waits, and returns those that still do: a
// final cause is the answer for those that may fail.
func tell(batch []*waiter, cause error, final bool) []*waiter {
	var kept []*waiter
	for _, w := range batch {
		w.failed.Store(&cause)
		if final && w.mayFail {
			w.done <- fmt.Errorf("publishing to %s: %w", w.record.Topic, cause)
			continue
		}
		kept = append(kept, w)
	}
	return kept
}

func answer(batch []*waiter, err error) {
	for _, w := range batch {
		w.done <- err
	}
}
