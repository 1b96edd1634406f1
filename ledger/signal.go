package ledger

import (
	"context"
	"time"
)

// A batchSignal wakes the one goroutine that works off a queue: at once if that has
// been idle for a while, and otherwise after a pause in which a batch can gather. The
// pause ends early when the batch is full or somebody waits for all of it.
type batchSignal struct {
	every time.Duration // from the beginning of a batch to that of the next
	last  time.Time     // when the last batch began; only wait uses it
	some  chan struct{} // holds a token if there may be something in the queue
	now   chan struct{} // holds a token if the pause is to end
}

func newBatchSignal(every time.Duration) batchSignal {
	return batchSignal{every: every, some: make(chan struct{}, 1), now: make(chan struct{}, 1)}
}

// notify must be called after something was queued, with the queue's length.
func (s *batchSignal) notify(queued int) {
	offer(s.some)
	if queued >= batchSize {
		offer(s.now)
	}
}

// hurry ends the pause.
func (s *batchSignal) hurry() {
	offer(s.some)
	offer(s.now)
}

// offer leaves a token, unless one is there.
func offer(tokens chan struct{}) {
	select {
	case tokens <- struct{}{}:
	default:
	}
}

// wait blocks until it is time for a batch, and returns false when ctx ends.
func (s *batchSignal) wait(ctx context.Context) bool {
	select {
	case <-s.some:
	case <-ctx.Done():
		return false
	}
	if rest := s.every - time.Since(s.last); rest > 0 {
		timer := time.NewTimer(rest)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.now:
		case <-ctx.Done():
			return false
		}
	}
	s.last = time.Now()
	return true
}
