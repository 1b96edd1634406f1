package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/webhook"
)

func TestRedisIsAskedOnceAndNoWebhooksIsAnAnswerToo(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		for range 100 {
			r.wants("USA_1", urlAt("a"))
			r.wants("USA_2")
			time.Sleep(100 * time.Millisecond)
		}
		asked, _ := r.reads.since()
		if diff := cmp.Diff([]string{"USA_1", "USA_2"}, asked); diff != "" {
			t.Errorf("asked of Redis in ten seconds (-want +got):\n%s", diff)
		}
		if n := r.metric("leadhook_webhooks_lookups_total"); n != 200 {
			t.Errorf("got %v look-ups counted, want 200", n)
		}
	})
}

func TestAnnouncedChangeCountsAtOnce(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "old"), at("USA_2", "kept"))
		r.wants("USA_1", urlAt("old"))
		r.wants("USA_2", urlAt("kept"))
		r.wants("USA_3")
		time.Sleep(5 * time.Second)
		r.reads.since()
		r.seed(at("USA_1", "new"), at("USA_3", "first"))
		r.wants("USA_1", urlAt("new"))
		r.wants("USA_2", urlAt("kept"))
		r.wants("USA_3", urlAt("first"))
		if asked, _ := r.reads.since(); slices.Contains(asked, "USA_2") {
			t.Errorf("got %v read anew, though USA_2 did not change", asked)
		}
	})
}

func TestAnswerFromBeforeAnAnnouncementIsNeitherGivenNorKept(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "old"))
		release := r.reads.holdBack()
		under := r.asks(t.Context(), "USA_1") // Redis has answered; nobody has seen it
		seed(t, r.store, at("USA_1", "new"))
		synctest.Wait()
		release()
		synctest.Wait()
		under.wants(t, urlAt("new"))
		r.wants("USA_1", urlAt("new"))
	})
}

func TestLostAnnouncementIsHealedByTheTTL(t *testing.T) {
	run(t, webhook.Options{TTL: 30 * time.Second}, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		r.removeUnannounced("USA_1")
		time.Sleep(29 * time.Second)
		r.wants("USA_1", urlAt("a")) // so that the test knows that it was not announced
		time.Sleep(time.Second)
		r.wants("USA_1")
	})
}

// removeUnannounced takes the webhooks of the only advertiser out of Redis
// without telling anyone.
func (r *rig) removeUnannounced(advertiser string) {
	r.t.Helper()
	for _, key := range r.server.Keys() {
		if strings.HasSuffix(key, ":webhooks:"+advertiser) {
			r.server.Del(key)
			return
		}
	}
	r.t.Fatal("there is nothing to remove")
}

// deaf cannot subscribe; everything else works.
type deaf struct{ redis.UniversalClient }

func (d deaf) Subscribe(ctx context.Context, channels ...string) *redis.PubSub {
	unreachable := redistest.NewClient(func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no connection") })
	defer func() { _ = unreachable.Close() }()
	return unreachable.Subscribe(ctx, channels...)
}

func TestWithoutAnnouncementsNothingOlderThanASecondIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := miniredis.NewMiniRedis()
		defer server.Close()
		rdb := redistest.NewClient((&redistest.Line{Server: server}).Dial)
		defer redistest.Close(rdb)
		r := &rig{t: t, server: server, store: webhook.NewStore(rdb, "leadhook"), reg: prometheus.NewRegistry()}
		r.cache = webhook.NewCache(webhook.NewStore(deaf{rdb}, "leadhook"), webhook.Options{}, r.reg, zap.NewNop())
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.cache.Run(ctx) })
		defer func() { cancel(); wg.Wait() }()

		r.seed(at("USA_1", "old"))
		time.Sleep(5 * time.Second)
		r.wants("USA_1", urlAt("old"))
		r.seed(at("USA_1", "new"))
		r.wants("USA_1", urlAt("old")) // so that the test knows that it is deaf
		time.Sleep(time.Second)
		r.wants("USA_1", urlAt("new"))
		if up := r.metric("leadhook_webhooks_announcements_up"); up != 0 {
			t.Errorf("announcements_up: got %v, want 0", up)
		}
	})
}

func TestEverythingIsReadAnewAfterTheChannelWasLost(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "old"))
		r.wants("USA_1", urlAt("old"))
		time.Sleep(5 * time.Second)
		r.line.Cut()
		r.seed(at("USA_1", "new")) // announced, to nobody
		time.Sleep(3 * time.Second)
		r.wants("USA_1", urlAt("old")) // Redis is away: better than nothing
		r.line.Mend()
		time.Sleep(5 * time.Second)
		r.wants("USA_1", urlAt("new"))
	})
}

func TestChannelThatFallsSilentIsNotTrusted(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "old"))
		r.wants("USA_1", urlAt("old"))
		time.Sleep(5 * time.Second)
		r.wants("USA_1", urlAt("old"))
		r.line.Silence()
		r.seed(at("USA_1", "new"))
		r.wants("USA_1", urlAt("old")) // so that the test knows that it was not heard
		time.Sleep(time.Second)
		r.wants("USA_1", urlAt("new"))
	})
}

func TestRedisAwayServesWhatIsCachedForTheGrace(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		r.wants("USA_2")
		time.Sleep(10 * time.Minute) // heard all the time that nothing changed
		r.line.Cut()
		time.Sleep(4 * time.Minute)
		r.wants("USA_1", urlAt("a"))
		r.wants("USA_2")
		unknown := r.asks(t.Context(), "USA_3")
		if err := r.cache.Ready(); err == nil || !strings.Contains(err.Error(), "the line is cut") {
			t.Errorf("Ready: got error %v, want one with the cause", err)
		}
		if up := r.metric("leadhook_webhooks_redis_up"); up != 0 {
			t.Errorf("redis_up: got %v, want 0", up)
		}
		time.Sleep(time.Minute + time.Second)
		known := r.asks(t.Context(), "USA_1")
		time.Sleep(time.Minute)
		if !unknown.waits() || !known.waits() {
			t.Error("a look-up did not wait: beyond the grace, or not cached at all")
		}
		r.line.Mend()
		time.Sleep(5 * time.Second)
		known.wants(t, urlAt("a"))
		unknown.wants(t)
		if err := r.cache.Ready(); err != nil {
			t.Errorf("Ready: got error %v, want none", err)
		}
		if n := r.metric("leadhook_webhooks_waits_total"); n != 2 {
			t.Errorf("got %v waits counted, want 2", n)
		}
		r.wantsLogged("cannot read webhooks", "reading webhooks", "cannot read webhooks", "reading webhooks")
	})
}

// wantsLogged demands these beginnings of the lines about Redis's state, without
// those that an outage still lasts.
func (r *rig) wantsLogged(want ...string) {
	r.t.Helper()
	var got []string
	for _, line := range r.logs.All() {
		begins, _, ok := strings.Cut(line.Message, " from Redis")
		if _, reminder := line.ContextMap()["lasting"]; ok && !reminder {
			got = append(got, begins)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("logged (-want +got):\n%s", diff)
	}
}

func TestWithoutGraceNothingIsServedWhileRedisIsAway(t *testing.T) {
	run(t, webhook.Options{}, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		r.line.Cut()
		time.Sleep(time.Minute)
		known := r.asks(t.Context(), "USA_1")
		time.Sleep(time.Minute)
		if !known.waits() {
			t.Error("what is cached was used while Redis was away")
		}
		r.line.Mend()
		time.Sleep(5 * time.Second)
		known.wants(t, urlAt("a"))
	})
}

func TestRedisIsNotTriedForEveryLeadWhileItIsAway(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		r.line.Cut()
		time.Sleep(time.Minute)
		r.reads.since()
		for range 1000 {
			r.wants("USA_1", urlAt("a"))
			time.Sleep(time.Millisecond)
		}
		if asked, _ := r.reads.since(); len(asked) > 0 {
			t.Errorf("Redis was tried %d times for 1000 leads", len(asked))
		}
	})
}

func TestEmptiedRedisCountsAsAway(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		time.Sleep(6 * time.Minute) // more than the grace, and heard all the time that nothing changed
		r.line.Cut()
		r.server.FlushAll()
		time.Sleep(3 * time.Second)
		r.line.Mend() // Redis was restarted, and is empty
		time.Sleep(40 * time.Second)
		r.wants("USA_1", urlAt("a"))
		unknown := r.asks(t.Context(), "USA_2")
		if err := r.cache.Ready(); !errors.Is(err, webhook.ErrNotSeeded) {
			t.Errorf("Ready: got error %v, want ErrNotSeeded", err)
		}
		if up, seeded := r.metric("leadhook_webhooks_redis_up"), r.metric("leadhook_webhooks_seeded"); up != 1 || seeded != 0 {
			t.Errorf("got redis_up %v and seeded %v, want 1 and 0", up, seeded)
		}
		time.Sleep(time.Minute)
		if !unknown.waits() {
			t.Fatal("an emptied Redis was taken for an advertiser without webhooks")
		}
		r.seed(at("USA_2", "b"))
		time.Sleep(2 * time.Second)
		unknown.wants(t, urlAt("b"))
		r.wants("USA_1")                                          // the new seed does not have it
		r.wantsLogged("cannot read webhooks", "reading webhooks", // not seeded at first
			"cannot read webhooks", "cannot read webhooks", "reading webhooks") // away, back but empty
	})
}

func TestRedisAwayAndEmptyAtTheStart(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		waiting := r.asks(t.Context(), "USA_1")
		cause := errors.New("the partition moved on")
		ctx, cancel := context.WithCancelCause(t.Context())
		moved := r.asks(ctx, "USA_2")
		r.line.Cut()
		time.Sleep(time.Minute)
		r.line.Mend()
		time.Sleep(10 * time.Second)
		if !waiting.waits() || !moved.waits() {
			t.Fatal("a look-up was answered, by a Redis that was never seeded")
		}
		cancel(cause)
		<-moved.done
		if !errors.Is(moved.err, cause) {
			t.Errorf("got error %v, want the context's cause", moved.err)
		}
		r.seed(at("USA_1", "a"))
		time.Sleep(2 * time.Second)
		waiting.wants(t, urlAt("a"))
	})
}

func TestMissesAreReadTogether(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		release := r.reads.holdBack()
		var all []*pending
		for n := range 20_000 {
			p := &pending{done: make(chan struct{})}
			all = append(all, p)
			go func() {
				defer close(p.done)
				p.hooks, p.err = r.cache.For(t.Context(), fmt.Sprint("USA_", n%1000))
			}()
		}
		synctest.Wait()
		release()
		synctest.Wait()
		for n, p := range all {
			if p.waits() || p.err != nil || len(p.hooks) != map[bool]int{true: 1, false: 0}[n%1000 == 1] {
				t.Fatalf("look-up %d: got %+v", n, p)
			}
		}
		asked, trips := r.reads.since()
		slices.Sort(asked)
		if n := len(slices.Compact(asked)); n != 1000 || len(asked) != 1000 || trips > 12 {
			t.Errorf("got %d advertisers asked for (%d different) in %d trips, want 1000 in a few", len(asked), n, trips)
		}
	})
}

func TestSlowRedisDoesNotHoldUpWhatIsCached(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		for n := range 500 {
			r.wants(fmt.Sprint("CAN_", n))
		}
		release := r.reads.holdBack()
		time.Sleep(31 * time.Second) // beyond the TTL
		started := time.Now()
		for n := range 500 {
			for _, advertiser := range []string{"USA_1", fmt.Sprint("CAN_", n)} {
				if _, err := r.cache.For(t.Context(), advertiser); err != nil {
					t.Fatal(err)
				}
			}
		}
		if took := time.Since(started); took > 300*time.Millisecond {
			t.Errorf("1000 leads waited %v for answers that do not come", took)
		}
		seed(t, r.store, at("USA_1", "new")) // now what is cached is wrong, and heard to be
		late := r.asks(t.Context(), "USA_1")
		if time.Sleep(2 * time.Second); !late.waits() {
			t.Error("a look-up was answered from the cache, which is known to be wrong")
		}
		release()
		synctest.Wait()
		late.wants(t, urlAt("new"))
	})
}

func TestMemoryStaysWithinItsBound(t *testing.T) {
	const bound = 128 << 10
	run(t, webhook.Options{MaxBytes: bound}, func(t *testing.T, r *rig) {
		r.begin()
		for n := range 1500 {
			r.wants(fmt.Sprint("USA_", n))
		}
		if bytes := r.metric("leadhook_webhooks_cached_bytes"); bytes > bound || bytes < bound/2 {
			t.Errorf("got %v bytes cached, want nearly %d", bytes, bound)
		}
		if n := r.metric("leadhook_webhooks_cached_advertisers"); n > 750 {
			t.Errorf("got %v advertisers in %d bytes", n, bound)
		}
	})
}
