package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
)

// probeEvery is how often Redis is asked whether it can be read while it can.
const probeEvery = 5 * time.Second

// A Redis that is away is tried again for ever: soon at first, then once a
// second.
const soon, seldom = 50 * time.Millisecond, time.Second

var errNotAsked = errors.New("Redis was not asked for webhooks yet")

// shardHealth knows which shards of Redis can be read. Reading an advertiser may
// find that its shard cannot; only a probe finds that it can again.
type shardHealth struct {
	alarm chan struct{} // holds a token after a shard was lost

	mu     sync.Mutex
	causes [shards]error // guarded by mu: why a shard cannot be read; nil: it can
	back   chan struct{} // guarded by mu: closed and replaced when a shard comes back
}

func (h *shardHealth) init() {
	h.alarm = make(chan struct{}, 1)
	h.back = make(chan struct{})
	for n := range h.causes {
		h.causes[n] = errNotAsked
	}
}

// away returns nil if a shard can be read, and otherwise a channel that is closed
// when it is worth trying again.
func (h *shardHealth) away(n int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.causes[n] == nil {
		return nil
	}
	return h.back
}

func (h *shardHealth) lost(n int, cause error) {
	h.mu.Lock()
	h.causes[n] = cause
	h.mu.Unlock()
	select {
	case h.alarm <- struct{}{}:
	default:
	}
}

// set takes over what a probe found.
func (h *shardHealth) set(causes [shards]error) {
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

// A state is that of all shards together. Its changes are logged.
type state int

const (
	unasked state = iota
	readable
	unseeded    // some shard has no marker, all others can be read
	unreachable // some shard cannot be read at all
)

// state returns the worst state of a shard, with its cause.
func (h *shardHealth) state() (state, error) {
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

func (h *shardHealth) ready() error {
	state, cause := h.state()
	if state == unreachable {
		return fmt.Errorf("%w; see that Redis runs, and that redis.url and its password are right", cause)
	}
	return cause
}

// watch probes Redis until ctx ends and logs when its state changes. A shard that
// answers probes and not readers is probed no faster than one that is away.
func (c *Cache) watch(ctx context.Context) {
	retry := wait.Endless(soon, seldom)
	now := unasked
	for {
		c.probe(ctx)
		now = c.logState(now)
		pause, alarm := probeEvery, c.shards.alarm
		if now != readable {
			pause, alarm = retry.NextBackOff(), nil
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			if now == readable {
				retry.Reset()
			}
		case <-alarm:
			now = c.logState(now)
			wait.For(ctx, retry.NextBackOff())
		}
	}
}

func (c *Cache) probe(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	causes := c.store.probe(limited)
	if ctx.Err() == nil {
		c.shards.set(causes)
	}
}

// logState logs what changed since the state before, and reminds of an outage. A
// Redis that comes back empty is another outage: it needs a person.
func (c *Cache) logState(before state) state {
	now, cause := c.shards.state()
	switch {
	case now == unasked:
	case now != readable:
		if now != before {
			c.outage.Forget()
		}
		c.outage.Failed(cause)
	case before == unasked:
		c.log.Info("reading webhooks from Redis")
	default:
		c.outage.Recovered()
	}
	return now
}

// reaches reports whether every shard answers, seeded or not.
func (c *Cache) reaches() bool {
	state, _ := c.shards.state()
	return state == readable || state == unseeded
}
