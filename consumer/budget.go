package consumer

import (
	"context"
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
	starting  chan struct{} // holds a token for each message that has just been started
}

// startShare is the part of the open messages that may be starting at once, and
// fewestStarts how many may at least. Were it all of them, all would be in turn
// at each step of the way, and each step would find what it needs gone from the
// CPU's caches: that costs a fifth more CPU for a message, and as much more
// memory. With few, the others are fetched when there is CPU for them.
const startShare, fewestStarts = 8, 16

// startTime is for how long a message counts as starting at most. One that
// takes longer waits for something else than the CPU, and keeps no other from
// being started meanwhile.
const startTime = 25 * time.Millisecond

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
func (b *budget) acquire(ctx context.Context, size int) (*start, error) {
	if err := b.events.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	if err := b.bytes.Acquire(ctx, b.share(size)); err != nil {
		b.events.Release(1)
		return nil, err
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
func (b *budget) start(ctx context.Context) (*start, error) {
	select {
	case b.starting <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	s := &start{budget: b}
	s.timer = time.AfterFunc(startTime, s.over)
	return s, nil
}

// A start is that of one message.
type start struct {
	budget *budget
	timer  *time.Timer
	ended  atomic.Bool
}

// end says that the message has started, or will not. Only the first call
// counts.
func (s *start) end() {
	s.timer.Stop()
	s.over()
}

func (s *start) over() {
	if !s.ended.Swap(true) {
		<-s.budget.starting
	}
}

func (b *budget) share(size int) int64 { return min(int64(size), b.limit) }
