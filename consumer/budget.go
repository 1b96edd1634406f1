package consumer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// A budget bounds what is open at once, over all partitions and generations: by
// number and by bytes. Beside it, a partition holds the few messages that it
// has fetched ahead.
type budget struct {
	events    *semaphore.Weighted
	bytes     *semaphore.Weighted
	limit     int64 // of bytes
	openBytes atomic.Int64
	starting  chan struct{} // holds a token for each message that counts as starting

	mu      sync.Mutex
	span    int    // guarded by mu: counts the spans that have ended
	started [2]int // guarded by mu: of starting, those that began in this span and in the last one
	ends    bool   // guarded by mu: the span does, by a timer; false: none is starting
}

// startShare is the part of the open messages that may be starting at once, and
// fewestStarts how many may at least. Were it all of them, all would be in turn
// at each step of the way, and each step would find what it needs gone from the
// CPU's caches: that costs a fifth more CPU for a message, and as much more
// memory. With few, the others are fetched when there is CPU for them.
const startShare, fewestStarts = 8, 16

// A message counts as starting until the end of the span after the one in which
// it began, at most. One that takes longer waits for something else than the
// CPU, and keeps no other from being started meanwhile. The spans are those of
// the budget: a timer for each message would cost more than the rest of this.
const startSpan = 15 * time.Millisecond

func newBudget(events, bytes int) *budget {
	return &budget{
		events:   semaphore.NewWeighted(int64(events)),
		bytes:    semaphore.NewWeighted(int64(bytes)),
		limit:    int64(bytes),
		starting: make(chan struct{}, max(fewestStarts, events/startShare)),
	}
}

// acquire waits until a message of that size may be open, and may start. One
// that is larger than the whole budget takes all of it.
func (b *budget) acquire(ctx context.Context, size int) (start, error) {
	if err := b.events.Acquire(ctx, 1); err != nil {
		return start{}, err
	}
	if err := b.bytes.Acquire(ctx, b.share(size)); err != nil {
		b.events.Release(1)
		return start{}, err
	}
	b.openBytes.Add(b.share(size))
	s, err := b.start(ctx)
	if err != nil {
		b.release(size)
	}
	return s, err
}

func (b *budget) release(size int) {
	b.openBytes.Add(-b.share(size))
	b.bytes.Release(b.share(size))
	b.events.Release(1)
}

// open is how many bytes are open; a nil budget has none.
func (b *budget) open() int64 {
	if b == nil {
		return 0
	}
	return b.openBytes.Load()
}

// start waits until another message may start. The end of what it returns must
// be called.
func (b *budget) start(ctx context.Context) (start, error) {
	select {
	case b.starting <- struct{}{}:
	case <-ctx.Done():
		return start{}, context.Cause(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.started[b.span%2]++
	if !b.ends {
		b.ends = true
		time.AfterFunc(startSpan, b.endSpan)
	}
	return start{budget: b, span: b.span}, nil
}

// endSpan ends a span, and with it what has been starting since the one before.
func (b *budget) endSpan() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.span++
	for ; b.started[b.span%2] > 0; b.started[b.span%2]-- {
		<-b.starting
	}
	if b.ends = b.started[(b.span+1)%2] > 0; b.ends {
		time.AfterFunc(startSpan, b.endSpan)
	}
}

// A start is that of one message. It must not be copied once it may end: each copy
// would end by itself.
type start struct {
	budget *budget
	span   int  // in which it began
	ended  bool // guarded by budget.mu
}

// end says that the message has started, or will not. Only the first call
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

func (b *budget) share(size int) int64 { return min(int64(size), b.limit) }
