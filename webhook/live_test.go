package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/webhook"
)

// start runs a cache in real time until the test ends.
func start(tb testing.TB, store *webhook.Store, opts webhook.Options) *webhook.Cache {
	cache := webhook.NewCache(store, opts, prometheus.NewRegistry(), zap.NewNop())
	ctx, cancel := context.WithCancel(tb.Context())
	var wg sync.WaitGroup
	wg.Go(func() { cache.Run(ctx) })
	tb.Cleanup(func() { cancel(); wg.Wait() })
	return cache
}

// becomes waits until the advertiser's webhooks have these URLs, at most for
// the given time.
func becomes(t *testing.T, cache *webhook.Cache, advertiser string, within time.Duration, urls ...string) {
	t.Helper()
	started := time.Now()
	for {
		hooks, err := cache.For(t.Context(), advertiser)
		took := time.Since(started)
		if err == nil && slices.Equal(urlsOf(hooks), urls) {
			if took > within {
				t.Errorf("%s: %v came after %v, want it within %v", advertiser, urls, took, within)
			}
			return
		}
		if err != nil || took > within+10*time.Second {
			t.Fatalf("%s: got %v, error %v, want %v", advertiser, urlsOf(hooks), err, urls)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestTwoCachesFollowARedis(t *testing.T) {
	const announced = 10 * time.Second // much less than the TTL, after which an answer is old
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	seed(t, store, at("USA_1", "old"))
	caches := []*webhook.Cache{start(t, store, withGrace), start(t, store, withGrace)}
	for _, c := range caches {
		becomes(t, c, "USA_1", 5*time.Second, urlAt("old"))
		becomes(t, c, "USA_2", 5*time.Second)
	}
	seed(t, store, at("USA_1", "new"), at("USA_2", "first"))
	for _, c := range caches {
		becomes(t, c, "USA_1", announced, urlAt("new"))
		becomes(t, c, "USA_2", announced, urlAt("first"))
	}

	if err := rdb.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range caches {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		hooks, err := c.For(ctx, "USA_3")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an emptied Redis was taken for one without webhooks: got %v, error %v", hooks, err)
		}
		if err := c.Ready(); !errors.Is(err, webhook.ErrNotSeeded) {
			t.Errorf("Ready: got error %v, want ErrNotSeeded", err)
		}
	}
	seed(t, store, at("USA_3", "again"))
	for _, c := range caches {
		becomes(t, c, "USA_3", 10*time.Second, urlAt("again"))
		readyWithin(t, c, 10*time.Second)
	}
}

// readyWithin waits until the cache has looked at all shares of Redis again.
func readyWithin(t *testing.T, cache *webhook.Cache, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within); cache.Ready() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Ready: got error %v after %v, want none", cache.Ready(), within)
		}
	}
}

// BenchmarkForCached is the look-up of nearly every lead.
func BenchmarkForCached(b *testing.B) {
	rdb := redistest.New(b)
	store := webhook.NewStore(rdb, "leadhook")
	if _, err := store.Seed(b.Context(), nil, webhook.SeedOptions{}); err != nil {
		b.Fatal(err)
	}
	cache := start(b, store, webhook.Options{})
	var advertisers []string
	for n := range 1000 {
		advertisers = append(advertisers, fmt.Sprint("USA_", n))
		if _, err := cache.For(b.Context(), advertisers[n]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			if _, err := cache.For(b.Context(), advertisers[n%len(advertisers)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
