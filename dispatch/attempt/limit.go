package attempt

import (
	"context"
	"sync"
	"time"
)

// A limit is the context of an attempt. It ends at a time, or when the attempt
// has ended, and has a timer only once somebody waits for that: over a
// connection that is there already nobody does, since package http1 goes by the
// deadline.
type limit struct {
	within   context.Context //nolint:containedctx // this is one; of it only the values count, not the end
	deadline time.Time

	mu    sync.Mutex
	timed context.Context    // guarded by mu; nil: nobody waits
	end   context.CancelFunc // guarded by mu; of timed
	ended bool               // guarded by mu
}

// limited returns a context with the values of another one, but not its end. Its
// over must be called.
func limited(within context.Context, deadline time.Time) limit {
	return limit{within: within, deadline: deadline}
}

// over ends it.
func (l *limit) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended = true; l.end != nil {
		l.end()
	}
}

// wait returns the context that can be waited for.
func (l *limit) wait() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed == nil {
		l.timed, l.end = context.WithDeadline(context.WithoutCancel(l.within), l.deadline)
		if l.ended {
			l.end()
		}
	}
	return l.timed
}

func (l *limit) Deadline() (time.Time, bool) { return l.deadline, true }

func (l *limit) Done() <-chan struct{} { return l.wait().Done() }

func (l *limit) Err() error { return l.wait().Err() }

// Value asks the context that is waited for, if there is one: so contexts that
// are made of it find it, and need no goroutine to see its end.
func (l *limit) Value(key any) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed != nil {
		return l.timed.Value(key)
	}
	return context.WithoutCancel(l.within).Value(key)
}
