package dispatch

import (
	"context"
	"sync"
)

// flights are the deliveries that are under way in this process. The same one
// is never under way twice: a second record of it waits for the outcome of the
// first.
type flights struct {
	mu  sync.Mutex
	now map[string]chan struct{} // guarded by mu; closed when the delivery has landed, nil: nobody waits for that
}

func newFlights() *flights { return &flights{now: make(map[string]chan struct{})} }

// begin waits until the delivery is not under way, and takes it. The error says
// that ctx ended first; otherwise land must be called.
func (f *flights) begin(ctx context.Context, delivery string) error {
	for {
		landed := f.take(delivery)
		if landed == nil {
			return nil
		}
		select {
		case <-landed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take returns nil if the delivery was not under way, and otherwise what is
// closed when it has landed.
func (f *flights) take(delivery string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	landed, underWay := f.now[delivery]
	if !underWay {
		f.now[delivery] = nil
		return nil
	}
	if landed == nil {
		landed = make(chan struct{})
		f.now[delivery] = landed
	}
	return landed
}

func (f *flights) land(delivery string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if landed := f.now[delivery]; landed != nil {
		close(landed)
	}
	delete(f.now, delivery)
}
