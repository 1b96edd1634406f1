package ledger

import (
	"context"
	"time"
)

// A bell wakes the one goroutine that works off a queue: at once when it did
// nothing for a while, otherwise so that a batch can gather, but when it is full
// or somebody is in a hurry.
type bell struct {
	every time.Duration // from one batch to the next
	last  time.Time     // when the last one began; of the goroutine that waits
	some  chan struct{} // holds a token if there may be something in the queue
	now   chan struct{} // holds a token if no more need gather
}

func newBell(every time.Duration) bell {
	return bell{every: every, some: make(chan struct{}, 1), now: make(chan struct{}, 1)}
}

// ring says how long the queue is.
func (b *bell) ring(queued int) {
	drop(b.some)
	if queued >= batchSize {
		drop(b.now)
	}
}

func (b *bell) hurry() {
	drop(b.some)
	drop(b.now)
}

// drop leaves a token, unless one is there.
func drop(tokens chan struct{}) {
	select {
	case tokens <- struct{}{}:
	default:
	}
}

// wait blocks until it is time for a batch, and returns false when ctx ends.
func (b *bell) wait(ctx context.Context) bool {
	select {
	case <-b.some:
	case <-ctx.Done():
		return false
	}
	if rest := b.every - time.Since(b.last); rest > 0 {
		timer := time.NewTimer(rest)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-b.now:
		case <-ctx.Done():
			return false
		}
	}
	b.last = time.Now()
	return true
}
