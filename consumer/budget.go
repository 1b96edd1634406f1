package consumer

import (
	"context"
	"sync/atomic"

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
}

func newBudget(events, bytes int) *budget {
	return &budget{
		events: semaphore.NewWeighted(int64(events)),
		bytes:  semaphore.NewWeighted(int64(bytes)),
		limit:  int64(bytes),
	}
}

// acquire waits until a message of that size may be open. One that is larger
// than the whole budget takes all of it.
func (b *budget) acquire(ctx context.Context, size int) error {
	if err := b.events.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := b.bytes.Acquire(ctx, b.share(size)); err != nil {
		b.events.Release(1)
		return err
	}
	b.openBytes.Add(b.share(size))
	return nil
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

func (b *budget) share(size int) int64 { return min(int64(size), b.limit) }
