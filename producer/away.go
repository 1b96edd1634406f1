package producer

import (
	"context"
	"fmt"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/topics"
)

// What waits for one partition that is away is at most 1/waitingShare of what the caller
// handles at once, and for all such partitions together 1/allWaitingShare of it. Once
// 1/numberShare of it waits for partitions of the same number, no more should be begun.
const waitingShare, numberShare, allWaitingShare = 16, 8, 2

// slowAfter is how long a request may take before its partition counts as slow: what
// waits for it is then bounded, although no request has failed yet.
const slowAfter = time.Second

// A load is records that wait.
type load struct {
	records int
	bytes   int
}

func (l *load) add(other load) { l.records, l.bytes = l.records+other.records, l.bytes+other.bytes }

// within reports whether l is within 1/share of all. An all of zero has no bounds, and
// one record is always within.
func (l load) within(all load, share int) bool {
	return l.records <= 1 || (all.records == 0 || l.records <= all.records/share) && (all.bytes == 0 || l.bytes <= all.bytes/share)
}

// Offer is [Publisher.Publish] for a record that may go elsewhere. It returns an error
// that is [lead.ErrAway] once its partition has taken nothing for some seconds, or if so
// much waits for a partition that is slow or takes nothing that this record would be
// beyond its share of what the caller handles at once. The record may have been published
// nonetheless.
//
// Whether a partition takes records again is found out by those that are offered to it:
// of those that come at the same time the first tries. If none comes, the leader is asked now
// and then, if it could not be reached or had too few replicas.
func (p *Publisher) Offer(ctx context.Context, r Record) error {
	w := newWaiter(ctx, r)
	w.mayMove = true
	return p.await(w)
}

// count counts a caller as waiting for one outbox, and no longer for the one before; nil:
// it no longer waits. The caller holds mu.
func (p *Publisher) count(w *waiter, o *outbox) {
	if w.counted != nil {
		p.wait(w.counted, load{-1, -w.size})
	}
	if w.counted = o; o != nil {
		p.wait(o, load{1, w.size})
	}
}

// wait counts what waits for an outbox. The caller holds mu.
func (p *Publisher) wait(o *outbox, more load) {
	o.waiting.add(more)
	l := p.waiting[o.to.Number]
	l.add(more)
	p.waiting[o.to.Number] = l
	p.anyWaiting.Add(int64(more.records))
}

// Full reports whether so much waits for the partitions of that number, in all topics
// together, that nothing more should be begun that may end there: an eighth of what the
// callers handle at once. It does not block.
//
// If none of them takes records, Offer finds no other place, and without this bound what
// waits would soon be all that may be open.
func (p *Publisher) Full(partition int) bool {
	if neverMoves || p.anyWaiting.Load() == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.waiting[partition].within(p.handled, numberShare)
}

// leave notes that a caller no longer waits.
func (p *Publisher) leave(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count(w, nil)
}

// turnsAway reports whether a record that may go elsewhere should. The caller holds mu.
func (p *Publisher) turnsAway(o *outbox, w *waiter) bool {
	if neverMoves || !o.running { // if nothing is under way, this record finds out whether the partition is still away
		return false
	}
	lasting, _ := p.stalls.lasting(o.stall)
	return lasting >= patience || p.isSlow(o) && !p.fits(o, load{1, w.size})
}

// isSlow reports whether records wait for longer than they should. The caller holds mu.
func (p *Publisher) isSlow(o *outbox) bool {
	lasting, _ := p.stalls.lasting(o.stall)
	refused, _ := p.stalls.lasting(o.refused)
	return lasting > 0 || refused > 0 || !o.began.IsZero() && time.Since(o.began) >= slowAfter
}

// fits reports whether more may wait for a slow partition. The caller holds mu.
func (p *Publisher) fits(o *outbox, more load) bool {
	own := o.waiting
	if own.add(more); !own.within(p.handled, waitingShare) {
		return false
	}
	all := more
	for _, other := range p.outboxes {
		if p.isSlow(other) {
			all.add(other.waiting)
		}
	}
	return all.within(p.handled, allWaitingShare)
}

// moveOn answers those records of a batch that may go elsewhere, and those that wait
// behind it, since their partition is away. It returns the other records of the batch.
func (p *Publisher) moveOn(s *stall, batch []*waiter, cause error) []*waiter {
	if neverMoves {
		return batch
	}
	err := away(s.at, cause)
	kept := turnAway(batch, err)
	if len(kept) < len(batch) && p.stalls.movedOn(s) {
		p.wg.Go(func() { p.watch(s) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.outbox(s.at); o.stall == s {
		o.queue = turnAway(o.queue, err)
	}
	return kept
}

// turnAway answers records that may go elsewhere, and returns the others.
func turnAway(all []*waiter, err error) (others []*waiter) {
	for _, w := range all {
		if w.mayMove {
			w.done <- err
			continue
		}
		others = append(others, w)
	}
	return others
}

func away(at topics.Partition, cause error) error {
	if cause == nil {
		return fmt.Errorf("%s: %w: much waits for it", at, lead.ErrAway)
	}
	return fmt.Errorf("%s: %w: %w", at, lead.ErrAway, cause)
}
