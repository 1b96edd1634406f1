package ledger

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A pendingMark is a mark that Redis does not have yet.
type pendingMark struct {
	location
	mark     lead.Mark
	handedOn bool   // it was below delivered at some time
	number   uint64 // counts the pending marks in the order in which they were noted first
	raised   bool   // it was raised while it was being written
	claim    uint64 // the number of the claim that is released when it is written; zero: none
}

// pendingMarks are the marks that Redis does not have yet. Each is queued, the oldest
// of each shard first, or is being written. All are in byLocation.
type pendingMarks struct {
	batches batchSignal
	max     int
	keys    keyCache // of the goroutine that writes

	mu         sync.Mutex
	byLocation map[location]*pendingMark // guarded by mu, and what it points to
	queues     [shards][]*pendingMark    // guarded by mu
	queued     int                       // guarded by mu: in all queues
	writing    []*pendingMark            // guarded by mu
	retryAt    [shards]time.Time         // guarded by mu: when the shard may be written to again
	refused    [shards]error             // guarded by mu: why the last write to the shard failed; nil: it did not
	last       uint64                    // guarded by mu: the newest number
	changed    chan struct{}             // guarded by mu: closed and replaced when fewer are left
}

func (m *pendingMarks) init(most int) {
	m.batches, m.max = newBatchSignal(gatherMarks), max(most, 1)
	m.byLocation, m.changed = make(map[location]*pendingMark), make(chan struct{})
}

func (m *pendingMarks) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byLocation)
}

// get returns a mark that Redis does not have yet; zero if there is none.
func (m *pendingMarks) get(at location) lead.Mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.byLocation[at]; n != nil {
		return n.mark
	}
	return 0
}

// note adds a mark, or raises it. It returns false if it had to drop the oldest one.
func (m *pendingMarks) note(at location, mark lead.Mark) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.byLocation[at]
	if n == nil {
		m.last++
		n = &pendingMark{location: at, number: m.last}
		m.byLocation[at] = n
		m.queues[at.shard] = append(m.queues[at.shard], n)
		m.queued++
	}
	n.raised = n.raised || mark > n.mark
	n.mark = max(n.mark, mark)
	n.handedOn = n.handedOn || mark < lead.MarkDelivered
	m.batches.notify(m.queued)
	if m.queued <= m.max {
		return true
	}
	m.dropOldest()
	return false
}

func (m *pendingMarks) dropOldest() {
	oldest, shard := uint64(math.MaxUint64), 0
	for i, q := range m.queues {
		if len(q) > 0 && q[0].number < oldest {
			oldest, shard = q[0].number, i
		}
	}
	delete(m.byLocation, m.queues[shard][0].location)
	m.queues[shard] = m.queues[shard][1:]
	m.queued--
}

// take begins to write a batch: the oldest marks of each shard that is not away. It
// returns copies of them, sorted by location; none if there is nothing to write now.
func (m *pendingMarks) take(health *shardHealth) []pendingMark {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for shard, q := range m.queues {
		n := min(len(q), batchSize-len(m.writing))
		if n == 0 || health.isAway(shard) || now.Before(m.retryAt[shard]) {
			continue
		}
		m.writing = append(m.writing, q[:n]...)
		m.queues[shard] = q[n:]
		m.queued -= n
	}
	slices.SortFunc(m.writing, func(a, b *pendingMark) int { return a.compare(b.location) })
	batch := make([]pendingMark, len(m.writing))
	for i, n := range m.writing {
		n.raised = false
		batch[i] = *n
	}
	return batch
}

// written ends the write that take began. Marks that a shard refused, or that were
// raised meanwhile, are queued again at the front. It returns how many were written, and
// those with which a claim ends.
func (m *pendingMarks) written(refused *[shards]error) (written int, released []pendingMark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.writing {
		m.refused[n.shard] = refused[n.shard]
	}
	var back [shards][]*pendingMark
	for _, n := range m.writing {
		if refused[n.shard] == nil {
			written++
		}
		if refused[n.shard] == nil && !n.raised {
			delete(m.byLocation, n.location)
			if n.claim > 0 {
				released = append(released, *n)
			}
		} else {
			back[n.shard] = append(back[n.shard], n)
		}
	}
	m.writing = m.writing[:0]
	for shard, list := range back {
		if refused[shard] != nil {
			m.retryAt[shard] = time.Now().Add(writeAgain)
		}
		if len(list) > 0 {
			slices.SortFunc(list, func(a, b *pendingMark) int { return cmp.Compare(a.number, b.number) })
			m.queues[shard] = slices.Concat(list, m.queues[shard])
			m.queued += len(list)
		}
	}
	close(m.changed)
	m.changed = make(chan struct{})
	if m.queued > 0 {
		m.batches.notify(m.queued)
	}
	return written, released
}

// thenRelease has a claim released when a mark is written that was noted before. It returns
// false if there is none.
func (m *pendingMarks) thenRelease(at location, number uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.byLocation[at]
	if n != nil {
		n.claim = number
	}
	return n != nil
}

// notify signals the writer if a mark is queued.
func (m *pendingMarks) notify() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queued > 0 {
		m.batches.notify(m.queued)
	}
}

// oldest returns the number of the oldest mark that Redis does not have. mu must
// be held.
func (m *pendingMarks) oldest() uint64 {
	oldest := uint64(math.MaxUint64)
	for _, q := range m.queues {
		if len(q) > 0 {
			oldest = min(oldest, q[0].number)
		}
	}
	for _, n := range m.writing {
		oldest = min(oldest, n.number)
	}
	return oldest
}

// refusal returns why the last write to some shard failed; nil if none did.
func (m *pendingMarks) refusal() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return cmp.Or(m.refused[:]...)
}

// flush implements [Ledger.Flush].
func (m *pendingMarks) flush(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for target := m.last; m.oldest() <= target; {
		left, changed := len(m.byLocation), m.changed
		m.batches.hurry()
		m.mu.Unlock()
		select {
		case <-changed:
			m.mu.Lock()
		case <-ctx.Done():
			m.mu.Lock()
			return fmt.Errorf("%d marks of the ledger are not in Redis: %w", left, context.Cause(ctx))
		}
	}
	return nil
}
