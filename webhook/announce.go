package webhook

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
)

const (
	pingEvery = 250 * time.Millisecond

	// silence is for how long nothing may come from the channel's connection
	// before it is given up.
	silence = 3 * time.Second

	// maxSpans bounds what is remembered of a connection that comes and goes.
	maxSpans = 16
)

// A span is a time during which announcements were heard without a gap.
type span struct {
	since time.Time // when the subscription was confirmed
	heard time.Time // everything announced before was heard
}

// listening is the spans of the channel, the present or last one at the end. It
// is never changed, only replaced.
type listening []span

// covers reports whether everything that was announced between asked and now, or
// a moment ago, was heard.
func (l listening) covers(asked, now time.Time) bool {
	if len(l) == 0 {
		return false
	}
	last := l[len(l)-1]
	return asked.After(last.since) && now.Sub(last.heard) < unannounced
}

// good returns until when an answer from the time asked is known to have been
// right: no change was announced while the channel was heard.
func (l listening) good(asked time.Time) time.Time {
	for i := len(l) - 1; i >= 0; i-- {
		if asked.After(l[i].since) {
			if l[i].heard.After(asked) {
				return l[i].heard
			}
			return asked
		}
	}
	return asked
}

// begun returns l with a new span.
func (l listening) begun(now time.Time) *listening {
	longer := slices.Concat(l[max(0, len(l)+1-maxSpans):], listening{{since: now, heard: now}})
	return &longer
}

// extended returns l with a longer last span.
func (l listening) extended(heard time.Time) *listening {
	if len(l) == 0 {
		return &l
	}
	longer := slices.Clone(l)
	longer[len(l)-1].heard = heard
	return &longer
}

// listen hears announcements until ctx ends, over one connection after another.
func (c *Cache) listen(ctx context.Context) {
	retry := wait.Endless(soon, seldom)
	for ctx.Err() == nil {
		confirmed, err := c.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if confirmed {
			retry.Reset()
			c.log.Warn("cannot hear announcements of changed webhooks; reading each webhook once a second", zap.Error(err))
		}
		wait.For(ctx, retry.NextBackOff())
	}
}

// listenOnce hears announcements over one connection, until that fails. It
// reports whether the subscription was confirmed.
func (c *Cache) listenOnce(ctx context.Context) (confirmed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	sub := c.store.rdb.Subscribe(ctx, c.store.announcements())
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() { ping(ctx, sub, start) })
	wg.Go(func() { <-ctx.Done(); _ = sub.Close() }) // ends a Receive under way
	defer func() { cancel(); wg.Wait() }()
	for {
		msg, err := sub.ReceiveTimeout(ctx, silence)
		if err != nil {
			return confirmed, err
		}
		switch msg := msg.(type) {
		case *redis.Subscription:
			confirmed = true
			c.listened.Store(c.listened.Load().begun(time.Now()))
		case *redis.Pong:
			if sent, err := strconv.ParseInt(msg.Payload, 10, 64); err == nil {
				c.listened.Store(c.listened.Load().extended(start.Add(time.Duration(sent))))
			}
		case *redis.Message:
			c.announced(msg.Payload)
		}
	}
}

// ping sends the time at which it was sent. What comes back tells, even after
// this process was stopped for a while, until when every announcement was heard.
func ping(ctx context.Context, sub *redis.PubSub, start time.Time) {
	for ctx.Err() == nil {
		_ = sub.Ping(ctx, strconv.FormatInt(int64(time.Since(start)), 10)) // the receiver notices a broken connection
		wait.For(ctx, pingEvery)
	}
}

func (c *Cache) announced(message string) {
	c.metrics.announcements.Inc()
	var advertisers []string
	if err := json.Unmarshal([]byte(message), &advertisers); err != nil {
		// It was about some change: what was cached before is read again.
		c.listened.Store(c.listened.Load().begun(time.Now()))
		return
	}
	c.drop(advertisers)
	if c.opts.Changed != nil {
		c.opts.Changed(advertisers)
	}
}
