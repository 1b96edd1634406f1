package webhook

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	loaders     = 4               // round trips to Redis at the same time
	loadBatch   = 256             // advertisers in one round trip
	readTimeout = 3 * time.Second // for a round trip
)

// errOutdated is the answer to a call whose advertiser was announced as changed
// meanwhile: what was read may be outdated. The caller asks again.
var errOutdated = errors.New("the webhooks changed while they were read")

// A call reads one advertiser from Redis, for all callers that wait for it.
type call struct {
	advertiser string
	done       chan struct{} // closed when answer is set
	answer     answer
}

// loads are the calls that are queued or under way. Calls that are made while Redis is
// being asked gather in the queue and share the next round trip. There are never more
// calls than callers of [Cache.For].
type loads struct {
	work chan struct{} // holds a token if the queue is not empty
	slow atomic.Bool   // a caller waited for longer than patience since the last fast answer

	mu    sync.Mutex       // never held over I/O; also orders filling the cache against dropping from it
	calls map[string]*call // guarded by mu: by advertiser, those that can be joined
	queue []*call          // guarded by mu
}

func (l *loads) init() {
	l.work = make(chan struct{}, 1)
	l.calls = make(map[string]*call)
}

// join returns the call for an advertiser, and queues a new one if necessary.
func (l *loads) join(advertiser string) *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.calls[advertiser]; ok {
		return c
	}
	c := &call{advertiser: advertiser, done: make(chan struct{})}
	l.calls[advertiser] = c
	l.queue = append(l.queue, c)
	l.signal()
	return c
}

func (l *loads) signal() {
	select {
	case l.work <- struct{}{}:
	default:
	}
}

// patienceNow returns how long a look-up may wait at present if its advertiser is
// cached.
func (l *loads) patienceNow() time.Duration {
	if l.slow.Load() {
		return 0
	}
	return patience
}

// take removes a batch from the queue.
func (l *loads) take() []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), loadBatch)
	batch := l.queue[:n:n]
	l.queue = l.queue[n:]
	if len(l.queue) > 0 {
		l.signal()
	}
	return batch
}

// load answers queued calls until ctx ends. Those that are left then get no
// answer: their callers have contexts of their own.
func (c *Cache) load(ctx context.Context) {
	for {
		select {
		case <-c.loads.work:
		case <-ctx.Done():
			return
		}
		batch := c.loads.take()
		if len(batch) == 0 {
			continue // another loader took the rest
		}
		advertisers := make([]string, len(batch))
		for i, call := range batch {
			advertisers[i] = call.advertiser
		}
		asked := time.Now()
		answers := c.read(ctx, advertisers)
		if ctx.Err() != nil {
			return
		}
		for i, call := range batch {
			c.finish(call, asked, answers[i])
		}
	}
}

func (c *Cache) read(ctx context.Context, advertisers []string) []answer {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	began := time.Now()
	answers := c.store.read(ctx, advertisers)
	took := time.Since(began)
	c.metrics.readSeconds.Observe(took.Seconds())
	if took < patience {
		c.loads.slow.Store(false)
	}
	return answers
}

// finish caches the answer and passes it to all callers that wait for it. If a change
// of the advertiser was announced since the call was made, they get errOutdated.
func (c *Cache) finish(call *call, asked time.Time, a answer) {
	if a.err != nil {
		c.shards.lost(shardOf(call.advertiser), a.err)
	}
	c.loads.mu.Lock()
	if c.loads.calls[call.advertiser] != call {
		a = answer{err: errOutdated}
	} else {
		delete(c.loads.calls, call.advertiser)
		if a.err == nil {
			c.entries.Set(call.advertiser, &entry{hooks: a.hooks, asked: asked})
		}
	}
	c.loads.mu.Unlock()
	for _, h := range a.hooks {
		if h.Damaged != "" {
			c.metrics.damaged.Inc()
		}
	}
	call.answer = a
	close(call.done)
}
