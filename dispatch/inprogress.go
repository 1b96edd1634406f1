package dispatch

import (
	"context"
	"sync"
)

// inProgress is the set of deliveries that this process is working on. It works on
// no delivery twice at a time: a second message of the same delivery waits for the
// outcome of the first. One after the other goes on: if thousands wait, to wake all
// of them each time would take all of the CPU for seconds.
type inProgress struct {
	mu  sync.Mutex
	set map[string]*line // guarded by mu; nil while no other message waits for the delivery
}

// A line is messages that wait for a delivery.
type line struct {
	waiting int           // guarded by mu
	next    chan struct{} // holds a token for the one of them that may go on
}

func newInProgress() *inProgress { return &inProgress{set: make(map[string]*line)} }

// begin waits until the delivery is not in the set, and adds it. The caller must
// call done, unless begin returned an error: the cause of the end of ctx.
func (f *inProgress) begin(ctx context.Context, delivery string) error {
	l := f.add(delivery)
	if l == nil {
		return nil
	}
	var err error
	select {
	case <-l.next:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.waiting--; err != nil && l.waiting == 0 && len(l.next) > 0 { // it was the turn of the one that left
		delete(f.set, delivery)
	}
	return err
}

// add adds the delivery and returns nil. If the delivery is in the set already, it
// returns the line that it joined.
func (f *inProgress) add(delivery string) *line {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, found := f.set[delivery]
	if !found {
		f.set[delivery] = nil
		return nil
	}
	if l == nil {
		l = &line{next: make(chan struct{}, 1)}
		f.set[delivery] = l
	}
	l.waiting++
	return l
}

// addFree adds the delivery unless it is in the set, and reports whether it did.
func (f *inProgress) addFree(delivery string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, found := f.set[delivery]
	if !found {
		f.set[delivery] = nil
	}
	return !found
}

// done removes the delivery, or hands it to the next that waits for it.
func (f *inProgress) done(delivery string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.set[delivery]; l != nil && l.waiting > 0 {
		l.next <- struct{}{}
		return
	}
	delete(f.set, delivery)
}
