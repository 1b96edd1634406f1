package webhook

import (
	"cmp"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// Options are the settings of a [Cache]. The zero value is usable.
type Options struct {
	// TTL is how long an answer of Redis is used while announcements are
	// heard. It limits the harm of an announcement that got lost. Zero: 30 s.
	TTL time.Duration

	// Grace is how long cached webhooks are still used while Redis is away,
	// counted from when they were last known to be right. Zero: they are not used.
	Grace time.Duration

	// MaxBytes bounds the memory of what is cached. Zero: 64 MiB, which holds
	// some 200,000 advertisers without webhooks, or 80,000 with one.
	MaxBytes int64

	// Changed is called with the advertisers of each announced change, once look-ups
	// find it. It must not block. It may be nil.
	Changed func(advertisers []string)
}

const (
	// unannounced is how long an answer is used while announcements are
	// not heard, and how old the last sign of life of their channel may be.
	unannounced = time.Second

	// patience is how long a lead whose advertiser is cached waits for a fresher
	// answer. Once one lead has waited that long, no other waits at all until Redis
	// has answered in time again.
	patience = 250 * time.Millisecond
)

// A Cache answers which webhooks an advertiser has. It is safe for concurrent
// use, and needs its Run to be running.
//
// An announced change counts at once. While announcements are not heard, nothing
// older than a second is used. While Redis is away, a cached answer is used for
// the grace time, counted from when it was last known to be right.
type Cache struct {
	store    *Store
	opts     Options
	log      *zap.Logger
	metrics  *metrics
	entries  *otter.Cache[string, *entry]
	loads    loads
	shards   shardHealth
	outage   *wait.Outage
	listened atomic.Pointer[listening] // never nil
}

// An entry is what Redis answered about an advertiser. It is never changed.
type entry struct {
	hooks []*lead.Webhook
	asked time.Time // when Redis was asked: what changed later is not in it
}

// NewCache returns a cache in front of store. It registers its metrics with
// reg; nothing is read before [Cache.Run].
func NewCache(store *Store, opts Options, reg prometheus.Registerer, log *zap.Logger) *Cache {
	opts.TTL = cmp.Or(opts.TTL, 30*time.Second)
	opts.MaxBytes = cmp.Or(opts.MaxBytes, 64<<20)
	c := &Cache{
		store: store, opts: opts, log: log.Named("webhooks"),
		outage: wait.NewOutage(log.Named("webhooks"), zapcore.ErrorLevel,
			"cannot read webhooks from Redis; cached ones are used for the grace time, other leads wait",
			"reading webhooks from Redis again"),
		entries: otter.Must(&otter.Options[string, *entry]{
			MaximumWeight: uint64(max(opts.MaxBytes, 1)),
			Weigher:       weight,
			Executor:      func(work func()) { work() }, // no goroutines of its own
		}),
	}
	c.listened.Store(&listening{})
	c.loads.init()
	c.shards.init()
	c.metrics = newMetrics(reg, c)
	return c
}

// Run reads for the cache until ctx ends: it listens for announcements, asks
// Redis for what is not cached, and watches whether Redis can be read.
func (c *Cache) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { c.listen(ctx) })
	wg.Go(func() { c.watch(ctx) })
	for range loaders {
		wg.Go(func() { c.load(ctx) })
	}
	wg.Wait()
}

// Ready returns nil if webhooks can be read, and otherwise the cause and what to
// do. Cached webhooks may still be served meanwhile.
func (c *Cache) Ready() error { return c.shards.ready() }

// For returns the webhooks of an advertiser, sorted by id, or nil if it has none.
// They are shared and must not be changed.
//
// For returns cached ones at once. Otherwise it blocks until Redis has answered,
// however long Redis is away or not seeded. It fails only when ctx ends, with
// the context's cause.
func (c *Cache) For(ctx context.Context, advertiser string) ([]*lead.Webhook, error) {
	e, cached := c.entries.GetIfPresent(advertiser)
	if cached && c.fresh(e, time.Now()) {
		c.metrics.hits.Inc()
		return e.hooks, nil
	}
	for waits := false; ; {
		back := c.shards.away(shardOf(advertiser))
		if back == nil {
			hooks, err := c.ask(ctx, advertiser)
			switch {
			case err == nil:
				return hooks, nil
			case ctx.Err() != nil:
				return nil, context.Cause(ctx)
			}
			continue // by now c.shards knows if the shard cannot be read
		}
		if hooks, ok := c.stale(advertiser); ok {
			return hooks, nil
		}
		if !waits {
			waits = true
			c.metrics.waits.Inc()
		}
		select {
		case <-back:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ask waits for the next answer of Redis about an advertiser, together with other
// callers that ask for the same one. If that takes long, it returns what is cached and
// may still be used.
func (c *Cache) ask(ctx context.Context, advertiser string) ([]*lead.Webhook, error) {
	call := c.loads.join(advertiser)
	slow := time.NewTimer(c.loads.patienceNow())
	defer slow.Stop()
	for {
		select {
		case <-call.done:
			if call.answer.err == nil {
				c.metrics.reads.Inc()
			}
			return call.answer.hooks, call.answer.err
		case <-slow.C:
			c.loads.slow.Store(true)
			if hooks, ok := c.stale(advertiser); ok {
				return hooks, nil
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// fresh reports whether an entry is as good as asking Redis.
func (c *Cache) fresh(e *entry, now time.Time) bool {
	age := now.Sub(e.asked)
	return age < c.opts.TTL && (age < unannounced || c.listened.Load().covers(e.asked, now))
}

// stale returns the cached webhooks of an advertiser, if they may be used while Redis
// cannot be asked.
func (c *Cache) stale(advertiser string) ([]*lead.Webhook, bool) {
	e, cached := c.entries.GetIfPresent(advertiser)
	if !cached || time.Since(c.listened.Load().good(e.asked)) >= c.opts.Grace {
		return nil, false
	}
	c.metrics.stale.Inc()
	return e.hooks, true
}

// drop removes advertisers from the cache, and ignores what is being read about them
// now.
func (c *Cache) drop(advertisers []string) {
	c.loads.mu.Lock()
	defer c.loads.mu.Unlock()
	for _, advertiser := range advertisers {
		delete(c.loads.calls, advertiser)
		c.entries.Invalidate(advertiser)
	}
}

// weight returns about how many bytes of memory an entry takes, precisely enough to
// bound the cache.
func weight(advertiser string, e *entry) uint32 {
	const ofEntry, ofWebhook, ofText = 256, 448, 48 // the structs, and what maps and allocations add
	n := ofEntry + len(advertiser)
	for _, h := range e.hooks {
		n += ofWebhook + len(h.ID) + len(h.URL) + len(h.Authorization) + len(h.AuthHeader) +
			len(h.VendorName) + len(h.ProviderName) + len(h.Damaged)
		for _, secret := range h.SigningSecrets {
			n += ofText + len(secret)
		}
		for name, value := range h.Headers {
			n += 2*ofText + len(name) + len(value)
		}
	}
	return uint32(min(n, math.MaxUint32))
}
