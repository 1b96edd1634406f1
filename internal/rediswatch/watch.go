package rediswatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
)

const (
	// Redis is looked at after every while all is well, and after soon otherwise.
	every, soon = 5 * time.Second, time.Second

	lookTimeout = 3 * time.Second
)

// Options are the settings of a [Watch]. All are required.
type Options struct {
	// Prefix is what the service's keys begin with.
	Prefix string

	// Node is how the only node is called, or the primary that Sentinels know. The
	// nodes of a Cluster are called by their addresses.
	Node string

	// Owner returns the name of the service, which no other has: the same for all
	// its instances and for ever.
	Owner func(context.Context) (string, error)

	// Compare is told what a node's clock showed between two moments here.
	Compare func(theirs, asked, answered time.Time)
}

// A Watch looks at Redis. It is safe for concurrent use, and needs its Run to be
// running.
type Watch struct {
	rdb   redis.UniversalClient
	opts  Options
	log   *zap.Logger
	gate  atomic.Pointer[gate]
	start *wait.Outage // until the first look

	// Of Run.
	outages map[place]*wait.Outage
	told    bool      // that a node does not tell how it is set up
	refused time.Time // when the keys were last seen to be another service's

	mu      sync.Mutex
	found   map[string]findings // guarded by mu: by node; those of all of Redis under ""
	unknown error               // guarded by mu; why the first look has not succeeded; nil: it has
}

// A gate is open or closed for ever. When the next one takes its place, passed is closed.
type gate struct {
	open   bool
	passed chan struct{}
}

// New returns a Watch that uses a client for a single node, Sentinel or Cluster, made
// with ContextTimeoutEnabled. It registers its metric with reg, and does not talk to
// Redis before [Watch.Run].
func New(rdb redis.UniversalClient, opts Options, reg prometheus.Registerer, log *zap.Logger) *Watch {
	log = log.Named("redis")
	w := &Watch{
		rdb: rdb, opts: opts, log: log,
		start:   wait.NewOutage(log, zapcore.WarnLevel, "cannot look at Redis yet; leads wait", "Redis was looked at"),
		outages: make(map[place]*wait.Outage),
		found:   make(map[string]findings),
		unknown: errors.New("Redis was not looked at yet"),
	}
	w.gate.Store(&gate{passed: make(chan struct{})})
	reg.MustRegister(collector{w})
	return w
}

// Run looks at Redis until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	for {
		w.look(ctx)
		pause := every
		if w.Ready() != nil {
			pause = soon
		}
		if !wait.For(ctx, pause) {
			return
		}
	}
}

// Await blocks until Redis was looked at, and as long as something is found with
// which leads could get lost. The error is the cause of the end of ctx.
func (w *Watch) Await(ctx context.Context) error {
	for {
		g := w.gate.Load()
		if g.open {
			return nil
		}
		select {
		case <-g.passed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *Watch) look(ctx context.Context) {
	limited, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("no answer within %v", lookTimeout))
	defer cancel()
	var whose string
	var ownerErr error
	var wg sync.WaitGroup
	wg.Go(func() { whose, ownerErr = w.lookAtOwner(limited) })
	views, nodesErr := w.lookAtNodes(limited)
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	now := w.merged(views, nodesErr == nil)
	if ownerErr == nil {
		now[""] = findings{}
		if whose != "" {
			now[""][owner] = whose
		}
	}
	w.note(now, errors.Join(ownerErr, answered(views, nodesErr)))
}

// answered returns nil if a node has answered, and otherwise why none has.
func answered(views []view, err error) error {
	for _, v := range views {
		if v.err == nil {
			return nil
		}
		err = v.err
	}
	if err != nil {
		return fmt.Errorf("looking at Redis: %w", err)
	}
	return errors.New("looking at Redis: it names no node")
}

// merged returns what is known now, by node. Of a node that did not answer it is what
// was known before; nodes that are no longer there are left out, if all were seen.
func (w *Watch) merged(views []view, all bool) map[string]findings {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := map[string]findings{}
	if !all {
		maps.Copy(now, w.found)
	}
	if before, known := w.found[""]; known {
		now[""] = before
	}
	for _, v := range views {
		switch before, known := w.found[v.node]; {
		case v.err == nil:
			now[v.node] = v.found
		case known:
			now[v.node] = before
		}
	}
	return now
}

// note takes over what was found. unlooked is why not enough was seen to begin with.
func (w *Watch) note(now map[string]findings, unlooked error) {
	w.mu.Lock()
	before := w.found
	w.found = now
	if w.unknown != nil {
		w.unknown = unlooked
	}
	unknown := w.unknown
	w.mu.Unlock()

	if unknown != nil {
		w.start.Failed(unknown)
	} else {
		w.start.Recovered()
	}
	w.report(before, now)
	w.setGate(unknown == nil && !holds(now))
}

// setGate opens or closes the gate.
func (w *Watch) setGate(open bool) {
	if g := w.gate.Load(); g.open != open {
		w.gate.Store(&gate{open: open, passed: make(chan struct{})})
		close(g.passed)
	}
}

func holds(found map[string]findings) bool {
	for _, of := range found {
		for k := range of {
			if kinds[k].severity == holding {
				return true
			}
		}
	}
	return false
}
