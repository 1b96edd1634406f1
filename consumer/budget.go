package consumer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// A budget bounds the messages that are open at once over all partitions and
// generations, by number and by bytes. A message takes one place, and more once it
// is known to have several deliveries. The budget does not count the few messages that
// each partition has fetched ahead.
type budget struct {
	events    *semaphore.Weighted
	bytes     *semaphore.Weighted
	limit     int64 // of bytes
	openBytes atomic.Int64
	starting  chan struct{} // holds a token for each message that counts as starting

	mu      sync.Mutex
	owed    int    // places that are taken beyond the limit; guarded by mu
	span    int    // number of spans that have ended; guarded by mu
	started [2]int // how many messages are starting that began in this span, and in the one before; guarded by mu
	timed   bool   // whether a timer ends the span: only while a message is starting; guarded by mu
}

// At most 1/startShare of the open messages, but from fewestStarts to mostStarts,
// may be starting at once. If all were, each step of the path would run for all
// messages before the next step runs for the first, and would find its data gone
// from the CPU's caches: a fifth more CPU and memory for each message. With few,
// the others are fetched when there is CPU for them.
const startShare, fewestStarts, mostStarts = 8, 16, 256

// startSpan divides time into spans. A message counts as starting at most until
// the end of the span after the one in which it began. One that takes longer
// waits for something other than the CPU, and must not keep others from
// starting. All messages share the budget's spans, since a timer for each
// message would cost more than everything else here.
const startSpan = 15 * time.Millisecond

func newBudget(events, bytes int) *budget {
	return &budget{
		events:   semaphore.NewWeighted(int64(events)),
		bytes:    semaphore.NewWeighted(int64(bytes)),
		limit:    int64(bytes),
		starting: make(chan struct{}, min(max(fewestStarts, events/startShare), mostStarts)),
	}
}

// acquire blocks until a message of that size may be open and may start, or ctx
// ends. A message that is larger than the whole budget takes all of it.
func (b *budget) acquire(ctx context.Context, size int) (start, error) {
	if err := b.events.Acquire(ctx, 1); err != nil {
		return start{}, err
	}
	if err := b.bytes.Acquire(ctx, b.charge(size)); err != nil {
		b.events.Release(1)
		return start{}, err
	}
	b.openBytes.Add(b.charge(size))
	s, err := b.start(ctx)
	if err != nil {
		b.release(size, 1)
	}
	return s, err
}

// release returns what acquire took for a message of that size, and its places.
func (b *budget) release(size, places int) {
	b.openBytes.Add(-b.charge(size))
	b.bytes.Release(b.charge(size))
	b.resize(places, 0)
}

// resize changes the places of a message from so many. It does not wait for more: what
// is beyond the limit is owed, and the next places that are released pay it.
func (b *budget) resize(from, to int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; from < to; from++ {
		if !b.events.TryAcquire(1) {
			b.owed += to - from
			return
		}
	}
	paid := min(b.owed, from-to)
	b.owed -= paid
	b.events.Release(int64(from - to - paid))
}

// open returns the bytes of all open messages, and zero for a nil budget.
func (b *budget) open() int64 {
	if b == nil {
		return 0
	}
	return b.openBytes.Load()
}

// start blocks until another message may start, or ctx ends. The caller must
// call end on the result.
func (b *budget) start(ctx context.Context) (start, error) {
	select {
	case b.starting <- struct{}{}:
	case <-ctx.Done():
		return start{}, context.Cause(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.started[b.span%2]++
	if !b.timed {
		b.timed = true
		time.AfterFunc(startSpan, b.endSpan)
	}
	return start{budget: b, span: b.span}, nil
}

// endSpan ends a span. Messages that began in the span before it no longer count
// as starting.
func (b *budget) endSpan() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.span++
	for ; b.started[b.span%2] > 0; b.started[b.span%2]-- {
		<-b.starting
	}
	if b.timed = b.started[(b.span+1)%2] > 0; b.timed {
		time.AfterFunc(startSpan, b.endSpan)
	}
}

// A start is the time in which one message is starting. It must not be copied
// once end may be called: each copy would be ended separately.
type start struct {
	budget *budget
	span   int  // in which the message began
	ended  bool // guarded by budget.mu
}

// end notes that the message has started, or will not start. Only the first call
// counts.
func (s *start) end() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.ended || b.span > s.span+1 {
		return
	}
	s.ended = true
	b.started[s.span%2]--
	<-b.starting
}

// charge returns how many bytes of the budget a message of that size takes.
func (b *budget) charge(size int) int64 { return min(int64(size), b.limit) }
