package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
)

// A Confirmed says what was seen: in the log of Epoch, everything below End, and with it
// everything that was acknowledged before Asked.
type Confirmed struct {
	Epoch string
	End   int64
	Asked time.Time
}

// askEvery is how often the topic is asked for its end at most. A lead waits for about
// half of it; each question costs some 50 µs of CPU. So many that wait share these well:
// they are not kept waiting, since only so many leads are begun at the same time.
const askEvery, crowd = 2 * time.Millisecond, 64

// asks are those who wait for the topic's end.
type asks struct {
	work chan struct{} // holds a token if somebody waits

	many chan struct{} // holds a token if a crowd waits

	mu      sync.Mutex
	next    chan struct{} // guarded by mu: closed when the next question has its answer; nil: nobody waits
	waiting int           // guarded by mu: who joined it
}

func (a *asks) init() { a.work, a.many = make(chan struct{}, 1), make(chan struct{}, 1) }

// join returns what is closed when a question that is asked from now on has its answer.
func (a *asks) join() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = make(chan struct{})
		a.work <- struct{}{}
	}
	if a.waiting++; a.waiting == crowd {
		a.many <- struct{}{}
	}
	return a.next
}

// take returns the channel of those who wait now.
func (a *asks) take() chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	done := a.next
	a.next, a.waiting = nil, 0
	select {
	case <-a.many:
	default:
	}
	return done
}

// pause waits for a while, but not while a crowd does.
func (a *asks) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.many:
	case <-ctx.Done():
	}
}

// Confirm returns once everything that was acknowledged before since was seen. While the
// topic cannot be followed it blocks; it fails only when ctx ends, with the context's
// cause.
func (f *Follower) Confirm(ctx context.Context, since time.Time) (*Confirmed, error) {
	if confirmsNothing {
		epoch, _ := f.Position()
		return &Confirmed{Epoch: epoch}, nil
	}
	for {
		if c := f.last.Load(); c != nil && !c.Asked.Before(since) {
			return c, nil
		}
		select {
		case <-f.asks.join():
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// confirm asks for the topic's end whenever somebody waits, until ctx ends.
func (f *Follower) confirm(ctx context.Context) {
	retry := wait.Endless(time.Millisecond, seldom)
	for {
		select {
		case <-f.asks.work:
		case <-ctx.Done():
			return
		}
		done := f.asks.take()
		asked := time.Now()
		for {
			c, err := f.ask(ctx)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				retry.Reset()
				f.last.Store(c)
				break
			}
			wait.For(ctx, retry.NextBackOff())
		}
		close(done)
		f.asks.pause(ctx, askEvery-time.Since(asked))
	}
}

// ask asks for the topic's end and waits until everything below was seen. It fails if the
// topic was not followed without interruption meanwhile.
func (f *Follower) ask(ctx context.Context) (*Confirmed, error) {
	session, err := f.following(ctx)
	if err != nil {
		return nil, err
	}
	asked := time.Now()
	end, err := f.log.Topic.End(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the end of the topic of webhooks: %w", err)
	}
	for {
		f.mu.Lock()
		epoch, position, moved := f.epoch, f.position, f.moved
		same := f.broken == nil && f.sessions == session
		f.mu.Unlock()
		switch {
		case !same || end < position: // a topic that lost its end ends below what was seen
			return nil, errInterrupted
		case position >= end:
			return &Confirmed{Epoch: epoch, End: end, Asked: asked}, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

var errInterrupted = errors.New("following the topic of webhooks was interrupted")

// following blocks while the topic is not followed, and returns the session in which it
// is.
func (f *Follower) following(ctx context.Context) (session int, err error) {
	for {
		f.mu.Lock()
		session, broken, moved := f.sessions, f.broken, f.moved
		f.mu.Unlock()
		if broken == nil {
			return session, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// Position returns the log's epoch, which is empty if none was found yet, and an offset:
// whoever reads something now that is complete up to there is told of every later record
// that makes it outdated.
func (f *Follower) Position() (epoch string, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch, f.ahead
}
