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

// A noted mark is one that Redis does not have yet.
type noted struct {
	place
	mark     lead.Mark
	handedOn bool   // it was below delivered at some time
	number   uint64 // in the order of the first note
	again    bool   // raised while it was being written
}

// marks are those that Redis does not have yet: queued, each part's oldest
// first, or being written. All are in byPlace.
type marks struct {
	bell bell
	max  int
	keys keyring // of the goroutine that writes

	mu      sync.Mutex
	byPlace map[place]*noted  // guarded by mu, and what it points to
	queues  [shares][]*noted  // guarded by mu
	queued  int               // guarded by mu: in all queues
	writing []*noted          // guarded by mu
	resting [shares]time.Time // guarded by mu: when the part may be written to again
	last    uint64            // guarded by mu: the newest number
	changed chan struct{}     // guarded by mu: closed and replaced when fewer are left
}

func newMarks(most int) marks {
	return marks{
		bell: newBell(gatherMarks), max: max(most, 1),
		byPlace: make(map[place]*noted), changed: make(chan struct{}),
	}
}

func (m *marks) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byPlace)
}

// noted is the mark that Redis does not have yet; zero: there is none.
func (m *marks) noted(at place) lead.Mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.byPlace[at]; n != nil {
		return n.mark
	}
	return 0
}

// note returns false if it had to drop the oldest mark.
func (m *marks) note(at place, mark lead.Mark) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.byPlace[at]
	if n == nil {
		m.last++
		n = &noted{place: at, number: m.last}
		m.byPlace[at] = n
		m.queues[at.part] = append(m.queues[at.part], n)
		m.queued++
	}
	n.again = n.again || mark > n.mark
	n.mark = max(n.mark, mark)
	n.handedOn = n.handedOn || mark < lead.MarkDelivered
	m.bell.ring(m.queued)
	if m.queued <= m.max {
		return true
	}
	m.dropOldest()
	return false
}

func (m *marks) dropOldest() {
	oldest, part := uint64(math.MaxUint64), 0
	for i, q := range m.queues {
		if len(q) > 0 && q[0].number < oldest {
			oldest, part = q[0].number, i
		}
	}
	delete(m.byPlace, m.queues[part][0].place)
	m.queues[part] = m.queues[part][1:]
	m.queued--
}

// take begins to write a batch: of each part that is not away the oldest, in
// the order of their places. None: there is nothing to write now.
func (m *marks) take(away *partsAway) []noted {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for part, q := range m.queues {
		n := min(len(q), batchSize-len(m.writing))
		if n == 0 || away.is(part) || now.Before(m.resting[part]) {
			continue
		}
		m.writing = append(m.writing, q[:n]...)
		m.queues[part] = q[n:]
		m.queued -= n
	}
	slices.SortFunc(m.writing, func(a, b *noted) int { return a.compare(b.place) })
	batch := make([]noted, len(m.writing))
	for i, n := range m.writing {
		n.again = false
		batch[i] = *n
	}
	return batch
}

// settle ends writing: what a part refused, or was raised meanwhile, is queued
// again, at the front.
// It returns how many marks were written.
func (m *marks) settle(refused *[shares]error) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	written := 0
	var back [shares][]*noted
	for _, n := range m.writing {
		if refused[n.part] == nil {
			written++
		}
		if refused[n.part] == nil && !n.again {
			delete(m.byPlace, n.place)
		} else {
			back[n.part] = append(back[n.part], n)
		}
	}
	m.writing = m.writing[:0]
	for part, list := range back {
		if refused[part] != nil {
			m.resting[part] = time.Now().Add(writeAgain)
		}
		if len(list) > 0 {
			slices.SortFunc(list, func(a, b *noted) int { return cmp.Compare(a.number, b.number) })
			m.queues[part] = slices.Concat(list, m.queues[part])
			m.queued += len(list)
		}
	}
	close(m.changed)
	m.changed = make(chan struct{})
	if m.queued > 0 {
		m.bell.ring(m.queued)
	}
	return written
}

// wake rings the bell if something is queued.
func (m *marks) wake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queued > 0 {
		m.bell.ring(m.queued)
	}
}

// oldest is the number of the oldest mark that Redis does not have.
func (m *marks) oldest() uint64 {
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

func (m *marks) flush(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for target := m.last; m.oldest() <= target; {
		left, changed := len(m.byPlace), m.changed
		m.bell.hurry()
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
