package webhook

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
)

const (
	loaders     = 4               // round trips to Redis at the same time
	loadBatch   = 256             // advertisers in one round trip
	readTimeout = 3 * time.Second // for a round trip
)

// errOutdated is the answer to a call whose advertiser was changed meanwhile: what was
// read may be outdated. The caller asks again.
var errOutdated = errors.New("the webhooks changed while they were read")

// An answer is what Redis has of one advertiser.
type answer struct {
	hooks []*lead.Webhook
	epoch string
	at    int64 // everything below is in it
	err   error

	unreadable bool // hooks is one that stands for all
}

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
		epoch, told := c.follower.Position()
		answers := c.read(ctx, epoch, advertisers)
		if ctx.Err() != nil {
			return
		}
		for i, call := range batch {
			c.finish(call, told, answers[i])
		}
	}
}

// read asks Redis for the lists of advertisers.
func (c *Cache) read(ctx context.Context, epoch string, advertisers []string) []answer {
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	began := time.Now()
	found := c.log.Shares.Get(limited, epoch, advertisers)
	c.metrics.readSeconds.Observe(time.Since(began).Seconds())
	answers := make([]answer, len(found))
	for i := range found {
		answers[i] = c.answer(ctx, epoch, advertisers[i], &found[i])
	}
	return answers
}

// answer returns what an answer of Redis means.
func (c *Cache) answer(ctx context.Context, epoch, advertiser string, found *shares.Answer) answer {
	if found.Err != nil {
		return answer{err: found.Err}
	}
	if err := c.follower.Holds(ctx, shares.Of(advertiser), found.Place); err != nil {
		return answer{err: err}
	}
	a := answer{epoch: epoch, at: found.Applied}
	if found.Value == nil {
		return a
	}
	e, err := entry.Parse(found.Value)
	if err == nil {
		a.hooks, err = entry.OpenWebhooks(c.log.Boxes, advertiser, &e)
	}
	if err != nil {
		c.metrics.damaged.Inc()
		a.hooks, a.unreadable = []*lead.Webhook{entry.Unreadable(advertiser, "", err.Error())}, true
		return a
	}
	for _, h := range a.hooks {
		if h.Damaged != "" {
			c.metrics.damaged.Inc()
		}
		withHealth(h, found.Health)
	}
	return a
}

// finish passes the answer to all callers that wait for it, and caches it if every later
// change will be heard of: if Redis was at least as far as this process. What cannot be
// read at all is not cached: nobody says when Redis was mended. If the
// advertiser was changed since the call was made, the callers get errOutdated.
func (c *Cache) finish(call *call, told int64, a answer) {
	c.loads.mu.Lock()
	if c.loads.calls[call.advertiser] != call {
		a = answer{err: errOutdated}
	} else {
		delete(c.loads.calls, call.advertiser)
		if a.err == nil && a.at >= told && !a.unreadable {
			c.entries.Set(call.advertiser, &cached{hooks: a.hooks, at: a.at})
		}
	}
	c.loads.mu.Unlock()
	call.answer = a
	close(call.done)
}
