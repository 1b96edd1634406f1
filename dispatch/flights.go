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
	now map[string]chan struct{} // guarded by mu; closed when the delivery has landed
}

func newFlights() *flights { return &flights{now: make(map[string]chan struct{})} }

// begin waits until the delivery is not under way, and takes it. The error says
// that ctx ended first; otherwise land must be called.
func (f *flights) begin(ctx context.Context, delivery string) error {
	for {
		f.mu.Lock()
		other, underWay := f.now[delivery]
		if !underWay {
			f.now[delivery] = make(chan struct{})
		}
		f.mu.Unlock()
		if !underWay {
			return nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (f *flights) land(delivery string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.now[delivery])
	delete(f.now, delivery)
}
