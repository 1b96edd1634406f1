package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
)

// probeEvery is how often Redis is asked whether it can be read while it can.
const probeEvery = 5 * time.Second

// Between attempts to reach a Redis that is away it waits, for ever: soon at
// first, then once a second.
const soon, seldom = 50 * time.Millisecond, time.Second

var errNotAsked = errors.New("Redis was not asked for webhooks yet")

// health knows which shares can be read. Reading an advertiser may find out
// that its share cannot; only a probe finds out that it can again.
type health struct {
	alarm chan struct{} // holds a token after a share was lost

	mu     sync.Mutex
	causes [shares]error // guarded by mu: why a share cannot be read; nil: it can
	back   chan struct{} // guarded by mu: closed and replaced when a share comes back
}

func (h *health) init() {
	h.alarm = make(chan struct{}, 1)
	h.back = make(chan struct{})
	for n := range h.causes {
		h.causes[n] = errNotAsked
	}
}

// away returns nil if a share can be read, and otherwise what is closed when
// it may be worth to try again.
func (h *health) away(n int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.causes[n] == nil {
		return nil
	}
	return h.back
}

func (h *health) lost(n int, cause error) {
	h.mu.Lock()
	h.causes[n] = cause
	h.mu.Unlock()
	select {
	case h.alarm <- struct{}{}:
	default:
	}
}

// set takes over what a probe found.
func (h *health) set(causes [shares]error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	woken := false
	for n, cause := range causes {
		woken = woken || cause == nil && h.causes[n] != nil
	}
	h.causes = causes
	if woken {
		close(h.back)
		h.back = make(chan struct{})
	}
}

// A state is what all shares together are like. A change of it is logged.
type state int

const (
	unasked state = iota
	readable
	unseeded    // some share has no marker, all others can be read
	unreachable // some share cannot be read at all
)

// state returns the worst that there is, with its cause.
func (h *health) state() (state, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	worst, cause := readable, error(nil)
	for _, err := range h.causes {
		switch s := stateOf(err); {
		case s == unasked:
			return unasked, err
		case s > worst:
			worst, cause = s, err
		}
	}
	return worst, cause
}

func stateOf(cause error) state {
	switch {
	case cause == nil:
		return readable
	case errors.Is(cause, errNotAsked):
		return unasked
	case errors.Is(cause, ErrNotSeeded):
		return unseeded
	}
	return unreachable
}

func (h *health) ready() error {
	state, cause := h.state()
	if state == unreachable {
		return fmt.Errorf("%w; see that Redis runs, and that redis.url and its password are right", cause)
	}
	return cause
}

// watch probes Redis until ctx ends and says when its state changes. A share
// that probes find readable and readers do not is probed no faster than one
// that is away.
func (c *Cache) watch(ctx context.Context) {
	retry := wait.Endless(soon, seldom)
	said := unasked
	for {
		c.probe(ctx)
		said = c.say(said)
		pause, alarm := probeEvery, c.health.alarm
		if said != readable {
			pause, alarm = retry.NextBackOff(), nil
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			if said == readable {
				retry.Reset()
			}
		case <-alarm:
			said = c.say(said)
			wait.For(ctx, retry.NextBackOff())
		}
	}
}

func (c *Cache) probe(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	causes := c.store.probe(limited)
	if ctx.Err() == nil {
		c.health.set(causes)
	}
}

// say logs the state if it is another than the one said before.
func (c *Cache) say(before state) state {
	now, cause := c.health.state()
	if now == before {
		return now
	}
	if now == readable {
		c.log.Info("webhooks can be read from Redis")
	} else {
		c.log.Error("webhooks cannot be read: cached ones are used for the grace time, other leads wait", zap.Error(cause))
	}
	return now
}

// reaches says whether every share answers, seeded or not.
func (c *Cache) reaches() bool {
	state, _ := c.health.state()
	return state == readable || state == unseeded
}
