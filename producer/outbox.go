package producer

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/topics"
)

const (
	// batchRecords is how many records are sent in one request at most.
	batchRecords = 1000

	// gather is the shortest time from the beginning of a request to that of the
	// next for the same partition, in which records gather. A request costs the
	// broker more than a hundred records in it, and no caller is in a hurry. The
	// first record is sent at once, and so is a full batch.
	gather = 100 * time.Millisecond
)

// An outbox holds the records for one partition that are not being sent yet. One
// goroutine sends them, and ends when there are none: what arrives during a
// request is sent with the next, so that the batches grow with the load.
type outbox struct {
	to      topics.Partition
	stall   *stall    // of the partition
	refused *stall    // of single records that it does not take
	queue   []*waiter // in the order of submission
	running bool      // a goroutine sends what is queued
	began   time.Time // when the batch that is being sent was taken from the queue; zero: none is
	waiting load      // the callers that wait
}

// A waiter is a record and the caller that waits for its acknowledgement.
type waiter struct {
	ctx     context.Context // the caller's; when it ends, the record is no longer sent
	record  Record
	size    int
	mayFail bool       // a final error ends the wait; otherwise every error is retried
	mayMove bool       // the record may go elsewhere: the wait ends if its partition is away
	done    chan error // has room for the one answer

	counted *outbox // that counts it as waiting; nil: none does; guarded by the mu of the Publisher

	failed atomic.Pointer[error] // why the last request failed; nil if none did
}

func newWaiter(ctx context.Context, r Record) *waiter {
	r.Partition = max(r.Partition, topics.AnyPartition)
	return &waiter{ctx: ctx, record: r, size: r.size(), done: make(chan error, 1)}
}

// wait blocks until the record has an answer, or its context ends. If there is none,
// it returns false.
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

// cause returns why the last request with the record failed, or nil if none did.
func (w *waiter) cause() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// submit puts w into its outbox, and starts its goroutine if there is none. It answers w
// at once if its record may go elsewhere and should.
func (p *Publisher) submit(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		w.done <- errClosed
		return
	}
	o := p.outbox(topics.Partition{Topic: w.record.Topic, Number: w.record.Partition})
	if w.mayMove && p.turnsAway(o, w) {
		_, cause := p.stalls.lasting(o.stall)
		w.done <- away(o.to, cause)
		return
	}
	p.count(w, o)
	o.queue = append(o.queue, w)
	if !o.running {
		o.running = true
		p.wg.Go(func() { p.run(o) })
	}
}

// outbox returns the outbox for a partition. The caller holds mu.
func (p *Publisher) outbox(to topics.Partition) *outbox {
	o := p.outboxes[to]
	if o == nil {
		o = &outbox{to: to, stall: &stall{at: to}, refused: &stall{at: to}}
		p.outboxes[to] = o
	}
	return o
}

// run sends what is in the outbox until it is empty.
func (p *Publisher) run(o *outbox) {
	for batch := p.next(o); len(batch) > 0; batch = p.next(o) {
		began := time.Now()
		p.send(o.stall, batch, p.sendBatch)
		if tool := batch[0].mayFail; !tool && !p.full(o) { // a tool publishes nothing more before this is acknowledged
			wait.For(p.ctx, gather-time.Since(began))
		}
	}
}

// full reports whether there are enough records for another request.
func (p *Publisher) full(o *outbox) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(o.queue) >= batchRecords
}

// next takes as many records from the outbox as one request may have. If there
// are none, the outbox is no longer running.
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
	o.running, o.began = n > 0, time.Time{}
	if o.running {
		o.began = time.Now()
	}
	return batch
}
