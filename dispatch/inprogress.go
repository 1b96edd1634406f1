package dispatch

import (
	"context"
	"sync"
)

// inProgress is the set of deliveries that this process is working on. It works on
// no delivery twice at a time: a second message of the same delivery waits for the
// outcome of the first.
type inProgress struct {
	mu  sync.Mutex
	set map[string]chan struct{} // guarded by mu; closed when the delivery is done; nil while no other message waits for that
}

func newInProgress() *inProgress { return &inProgress{set: make(map[string]chan struct{})} }

// begin waits until the delivery is not in the set, and adds it. The caller must
// call done, unless begin returned an error: the cause of the end of ctx.
func (f *inProgress) begin(ctx context.Context, delivery string) error {
	for {
		done := f.add(delivery)
		if done == nil {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// add adds the delivery and returns nil. If the delivery is in the set already, it
// returns a channel that is closed when that one is done.
func (f *inProgress) add(delivery string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	done, found := f.set[delivery]
	if !found {
		f.set[delivery] = nil
		return nil
	}
	if done == nil {
		done = make(chan struct{})
		f.set[delivery] = done
	}
	return done
}

// done removes the delivery.
func (f *inProgress) done(delivery string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if done := f.set[delivery]; done != nil {
		close(done)
	}
	delete(f.set, delivery)
}
