package receipt

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/leadhook/leadhook/topics"
)

// A partition holds the receipts for one partition of the topic that are not acknowledged yet.
// One goroutine publishes them, one batch at a time, and ends when there are none.
type partition struct {
	w    *Writer
	to   topics.Partition
	wake chan struct{} // has room for one: something may be due earlier than before

	mu      sync.Mutex    // guards what follows
	group   *group        // gathers events without webhooks; nil: there are none
	open    *batch        // gathers receipts; nil: there are none
	queue   []*batch      // closed. The first is being published, as long as the goroutine runs
	room    chan struct{} // is closed when less is pending; nil: nobody waits for that
	running bool          // the goroutine runs
	usual   int           // bytes that the next batch will have, if it is like the last one
}

// A group is events of advertisers without webhooks, which have one receipt together.
type group struct {
	since, last time.Time
	records     ranges
	settled     []func()
}

// mostRanges is how many ranges the receipt of a group has at most.
const mostRanges = 1000

// acquire locks the partition once it has room.
func (p *partition) acquire(ctx context.Context) error {
	p.mu.Lock()
	for p.size() >= maxPending {
		if p.room == nil {
			p.room = make(chan struct{})
		}
		room := p.room
		p.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.w.ctx.Done():
			return ErrClosed
		}
		p.mu.Lock()
	}
	return nil
}

// size returns what is pending takes in memory. The caller holds the lock, here and below.
func (p *partition) size() int {
	n := 0
	if p.group != nil {
		n += recordWeight * len(p.group.settled)
	}
	if p.open != nil {
		n += p.open.size()
	}
	for _, b := range p.queue {
		n += b.size()
	}
	return n
}

// add adds a receipt of some records.
func (p *partition) add(r *Receipt, about ranges, settled ...func()) {
	if p.open == nil {
		p.open = &batch{since: time.Now(), bytes: make([]byte, 0, p.usual)}
		p.start()
	}
	p.open.add(r, about, settled...)
	if len(p.open.bytes) >= batchBytes {
		p.closeBatch()
	}
}

// gather adds an event without webhooks.
func (p *partition) gather(one Offsets, settled func()) {
	now := time.Now()
	if p.group == nil {
		p.group = &group{since: now}
		p.start()
	}
	g := p.group
	g.last = now
	g.records.addExactly(one)
	g.settled = append(g.settled, settled)
	if len(g.records) >= mostRanges {
		p.closeGroup()
	}
}

// closeGroup adds the receipt of the group to the open batch.
func (p *partition) closeGroup() {
	g := p.group
	if g == nil {
		return
	}
	p.group = nil
	p.add(&Receipt{
		Type: TypeNoWebhooks, At: g.last, Since: g.since, Instance: p.w.opts.Instance,
		Partition: p.to.Number, Offsets: g.records, Count: g.records.count(),
	}, g.records, g.settled...)
}

// closeBatch has the open batch published.
func (p *partition) closeBatch() {
	if p.open == nil {
		return
	}
	p.usual = len(p.open.bytes) * 9 / 8
	p.queue, p.open = append(p.queue, p.open), nil
	p.start()
}

// start has the goroutine look at what is pending.
func (p *partition) start() {
	if !p.running {
		p.running = true
		p.w.wg.Go(p.run)
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// flush has everything pending published at once. The channel is closed when that is safe, or
// given up; it is nil if nothing is pending.
func (p *partition) flush() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeGroup()
	p.closeBatch()
	if len(p.queue) == 0 {
		return nil
	}
	done := make(chan struct{})
	last := p.queue[len(p.queue)-1]
	last.settled = append(last.settled, func() { close(done) })
	return done
}

// take takes what is pending: the first batch, or with all everything.
func (p *partition) take(all bool) []*batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 1
	if all {
		p.closeGroup()
		p.closeBatch()
		n = len(p.queue)
	}
	taken := slices.Clone(p.queue[:n])
	p.queue = slices.Delete(p.queue, 0, n)
	if p.room != nil {
		close(p.room)
		p.room = nil
	}
	return taken
}
