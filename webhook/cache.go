package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/shares"
)

// Options are the settings of a [Cache]. The zero value is usable.
type Options struct {
	// MaxBytes bounds the memory of what is cached. Zero: 64 MiB, which holds
	// some 200,000 advertisers without webhooks, or 65,000 with one.
	MaxBytes int64

	// OpenEvents is how many callers [Cache.For] has at once at most. What waits for a
	// part of Redis that is away is a share of it. Zero: not bounded.
	OpenEvents int

	// Changed is called with each advertiser whose webhooks were changed, once
	// look-ups find the change. It must not block. It may be nil.
	Changed func(advertiser string)
}

// A Cache answers which webhooks an advertiser has, with everything in the answer that
// was acknowledged when the question came up. It is safe for concurrent use, and needs
// its Run to be running.
//
// While Redis is away, the webhooks that are cached are still used: the topic tells
// whether they are right. While the topic cannot be read, nothing is.
type Cache struct {
	log      *follow.Log
	follower *follow.Follower
	opts     Options
	metrics  *metrics
	outage   *wait.Outage
	entries  *otter.Cache[string, *cached]
	loads    loads
	waits    waits
}

// A cached list was read from Redis. It is never changed.
type cached struct {
	hooks []*lead.Webhook
	at    int64 // everything below is in it
}

// NewCache returns a cache of a log's webhooks. It registers its metrics with reg;
// nothing is read before [Cache.Run].
func NewCache(log *follow.Log, opts Options, reg prometheus.Registerer, out *zap.Logger) *Cache {
	opts.MaxBytes = cmp.Or(opts.MaxBytes, 64<<20)
	out = out.Named("webhooks")
	c := &Cache{
		log: log, opts: opts,
		outage: wait.NewOutage(out, zapcore.ErrorLevel,
			"cannot read all webhooks; those that are cached are used as long as the topic of webhooks can be read, other leads wait",
			"reading webhooks again"),
		entries: otter.Must(&otter.Options[string, *cached]{
			MaximumWeight: uint64(max(opts.MaxBytes, 1)),
			Weigher:       weight,
			Executor:      func(work func()) { work() }, // no goroutines of its own
		}),
	}
	c.loads.init()
	c.follower = follow.New(log, c.changed, c.forget, out)
	c.metrics = newMetrics(reg, c)
	return c
}

// Run follows the topic, fills Redis and reads from it until ctx ends.
func (c *Cache) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { c.follower.Run(ctx) })
	wg.Go(func() { c.watch(ctx) })
	for range loaders {
		wg.Go(func() { c.load(ctx) })
	}
	wg.Wait()
}

// Ready returns nil if all webhooks can be read, and otherwise the cause and what to do.
// Cached webhooks may still be served meanwhile.
func (c *Cache) Ready() error {
	if err := c.follower.Ready(); err != nil {
		return err
	}
	return c.reads()
}

// reads returns why webhooks cannot be read from some of Redis.
func (c *Cache) reads() error {
	states, _ := c.follower.Shares()
	for n := range states {
		if err := states[n].Err; err != nil {
			return fmt.Errorf("%w; see that Redis runs, and that redis.url and its password are right", err)
		}
	}
	return nil
}

// watch logs when webhooks cannot be read, and when they can again.
func (c *Cache) watch(ctx context.Context) {
	const every = 500 * time.Millisecond
	const starting = 2 * time.Second // reading has not begun yet
	began := time.Now()
	for wait.For(ctx, every) {
		switch err := c.Ready(); {
		case err == nil:
			c.outage.Recovered()
		case time.Since(began) > starting:
			c.outage.Failed(err)
		}
	}
}

// For returns the webhooks of an advertiser, sorted by id, or nil if it has none, with
// every change in them that was acknowledged before since, and maybe later ones. They are
// shared and must not be changed. If the stored webhooks as a whole cannot be used, there
// is one with an empty id that has Damaged set.
//
// For blocks until that is certain, however long Kafka or Redis is away. If only some of
// the shares in Redis cannot be used, it returns an error that is [lead.ErrAway] for their
// advertisers after some seconds, or at once if that is known or many callers wait.
// Otherwise it fails only when ctx ends, with the context's cause.
func (c *Cache) For(ctx context.Context, advertiser string, since time.Time) ([]*lead.Webhook, error) {
	if !entry.IsAdvertiser(advertiser) {
		return nil, nil // no webhook can have such an advertiser
	}
	seen, err := c.follower.Confirm(ctx, since)
	if err != nil {
		return nil, err
	}
	if e, ok := c.entries.GetIfPresent(advertiser); ok {
		c.metrics.hits.Inc()
		return e.hooks, nil
	}
	return c.fromRedis(ctx, advertiser, seen)
}

// fromRedis returns what Redis has of an advertiser, once that has everything in it that
// was seen. It fails only when ctx ends, or with [lead.ErrAway].
func (c *Cache) fromRedis(ctx context.Context, advertiser string, seen *follow.Confirmed) ([]*lead.Webhook, error) {
	share := shares.Of(advertiser)
	for waits := false; ; {
		looked, unreadable := c.follower.Readable(share)
		if unreadable == nil {
			switch a, err := c.ask(ctx, advertiser); {
			case err != nil:
				return nil, err
			case a.err == nil && (believesRedis || a.epoch == seen.Epoch && a.at >= seen.End):
				c.metrics.reads.Inc()
				c.waits.works(share)
				return a.hooks, nil
			case a.err == nil && a.epoch != seen.Epoch:
				if seen, err = c.follower.Confirm(ctx, time.Now()); err != nil {
					return nil, err
				}
				continue
			case errors.Is(a.err, errOutdated):
				continue
			}
			c.follower.Fill()
		}
		if !waits {
			waits = true
			c.metrics.waits.Inc()
			c.waits.enter(share)
			defer c.waits.leave(share)
		}
		if err := c.putsOff(share, seen.End); err != nil {
			return nil, err
		}
		select {
		case <-looked:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ask waits for the next answer of Redis about an advertiser, together with other callers
// that ask for the same one. The error means that ctx ended first.
func (c *Cache) ask(ctx context.Context, advertiser string) (answer, error) {
	call := c.loads.join(advertiser)
	select {
	case <-call.done:
		return call.answer, nil
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
}

// changed is told of each record of the topic.
func (c *Cache) changed(key string, at int64) {
	if !entry.IsAdvertiser(key) {
		return
	}
	c.loads.mu.Lock()
	delete(c.loads.calls, key)
	if e, ok := c.entries.GetIfPresent(key); ok && e.at <= at {
		c.entries.Invalidate(key)
	}
	c.loads.mu.Unlock()
	c.metrics.changes.Inc()
	if c.opts.Changed != nil {
		c.opts.Changed(key)
	}
}

// forget forgets everything that was read: the log is another one.
func (c *Cache) forget() {
	c.loads.mu.Lock()
	defer c.loads.mu.Unlock()
	clear(c.loads.calls)
	c.entries.InvalidateAll()
}

// weight returns about how many bytes of memory an entry takes, precisely enough to
// bound the cache.
func weight(advertiser string, e *cached) uint32 {
	const ofEntry, ofWebhook, ofText, ofRule = 256, 640, 48, 192 // the structs, and what maps and allocations add
	n := ofEntry + len(advertiser)
	for _, h := range e.hooks {
		n += ofWebhook + len(h.ID) + len(h.URL) + len(h.Authorization) + len(h.AuthHeader) +
			len(h.VendorName) + len(h.ProviderName) + len(h.ContentType) + len(h.ClientCert) + len(h.CA) + len(h.Damaged)
		if f := &h.LastFailure; !f.At.IsZero() {
			n += 3*ofText + len(f.Cause) + len(f.Error) + len(f.Answer)
		}
		for _, secret := range h.SigningSecrets {
			n += ofText + len(secret)
		}
		if a := h.Answers; a != nil {
			n += ofRule*(len(a.Body)+1) + ofText*(len(a.Delivered)+len(a.Retry)+len(a.Refused)) + a.Size()
			for i := range a.Body {
				n += ofText * len(a.Body[i].In)
			}
		}
		for name, value := range h.Headers {
			n += 2*ofText + len(name) + len(value)
		}
	}
	return uint32(min(n, math.MaxUint32))
}
