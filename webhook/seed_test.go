package webhook_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

// content is all that is in Redis but what says that a seed runs.
func content(t *testing.T, rdb redis.UniversalClient) map[string]map[string]string {
	t.Helper()
	keys, err := rdb.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]map[string]string)
	for _, key := range keys {
		switch {
		case strings.Contains(key, "}:seeding:"):
		case strings.HasSuffix(key, "}:seeded"):
			all[key] = map[string]string{"": rdb.Get(t.Context(), key).Val()}
		default:
			all[key] = rdb.HGetAll(t.Context(), key).Val()
		}
	}
	return all
}

// before and after are what a seed with Prune finds, and leaves.
func beforeAndAfter() (before, after []lead.Webhook) {
	kept, changed, gone, alone := hook("kept", "USA_1"), full("changed", "USA_1"), hook("gone", "USA_1"), hook("alone", "USA_2")
	before = []lead.Webhook{kept, changed, gone, alone}
	changed.Authorization, changed.Active, changed.VendorName = "another", false, ""
	return before, []lead.Webhook{kept, changed, hook("new", "USA_1"), hook("other", "USA_3")}
}

func TestPruneRemovesWhatTheSeedDoesNotHave(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	before, after := beforeAndAfter()
	seed(t, store, before...)
	noteFailing(t, store, stored(t, store, before[2]))
	asked := 0
	changes, err := store.Seed(t.Context(), after, webhook.SeedOptions{
		Prune: true, Confirm: func(removed int) error { asked = removed; return nil },
	})
	if err != nil || asked != 2 || changes.Count(webhook.Removed) != 2 || changes.Count(webhook.Added) != 2 {
		t.Errorf("got %v, error %v, asked about %d, want 2 removed", changes, err, asked)
	}
	if got := browse(t, store, "", 0); len(got) != 4 {
		t.Errorf("got %d webhooks, want 4", len(got))
	}
	for key, fields := range content(t, rdb) {
		if strings.Contains(key, ":standing:") && len(fields) > 0 {
			t.Errorf("of a webhook that was removed it is still known how it stands: %s %v", key, fields)
		}
	}
	if _, err := store.Seed(t.Context(), []lead.Webhook{hook("gone", "USA_9")}, webhook.SeedOptions{}); err == nil || !strings.Contains(err.Error(), `belongs to advertiser "USA_1"`) {
		t.Errorf("the id of a removed webhook for another advertiser: got error %v", err)
	}
	seed(t, store, hook("gone", "USA_1"))
	stands(t, store, hook("gone", "USA_1"), lead.Failing{}, lead.Disabled{})
}

func TestRemovedWebhooksAreAnnouncedAtOnce(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"), at("USA_2", "b"))
		r.wants("USA_1", urlAt("a"))
		if _, err := r.store.Seed(t.Context(), []lead.Webhook{at("USA_2", "b")}, webhook.SeedOptions{Prune: true}); err != nil {
			t.Fatal(err)
		}
		r.wants("USA_1")
		r.wants("USA_2", urlAt("b"))
	})
}

func TestPruneThatIsNotConfirmedWritesNothing(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	before, after := beforeAndAfter()
	seed(t, store, before...)
	want := content(t, rdb)
	no := errors.New("no")
	changes, err := store.Seed(t.Context(), after, webhook.SeedOptions{Prune: true, Confirm: func(int) error { return no }})
	if !errors.Is(err, no) || len(changes) > 0 {
		t.Errorf("got %v, error %v, want the error of the question", changes, err)
	}
	if diff := cmp.Diff(want, content(t, rdb)); diff != "" {
		t.Errorf("something was written (-want +got):\n%s", diff)
	}
	if _, err := store.Seed(t.Context(), before, webhook.SeedOptions{Prune: true, Confirm: func(int) error { return no }}); err != nil {
		t.Errorf("nothing to remove: got error %v, want no question", err)
	}
}

func TestDryRunSaysWhatChangesAndWritesNothing(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	before, after := beforeAndAfter()
	seed(t, store, before...)
	want := content(t, rdb)
	wrote := false
	rdb.AddHook(watcher{before: func(cmds []redis.Cmder) {
		for _, cmd := range cmds {
			wrote = wrote || !slices.Contains([]string{"hget", "hexists", "hlen", "exists"}, cmd.Name())
		}
	}})
	changes, err := store.Seed(t.Context(), after, webhook.SeedOptions{DryRun: true, Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, content(t, rdb)); diff != "" || wrote {
		t.Errorf("something was written: %t (-want +got):\n%s", wrote, diff)
	}
	slices.SortStableFunc(changes[4:], func(a, b webhook.Change) int { return strings.Compare(a.Webhook, b.Webhook) })
	wantChanges := webhook.Changes{
		{Webhook: "kept", Advertiser: "USA_1", Action: webhook.Unchanged},
		{Webhook: "changed", Advertiser: "USA_1", Action: webhook.Changed, Fields: []webhook.FieldChange{
			{Field: "authorization", Before: "***", After: "***"},
			{Field: "active", Before: "true", After: "false"},
			{Field: "vendor_name", Before: "Bergström & Söhne Auto", After: ""},
		}},
		{Webhook: "new", Advertiser: "USA_1", Action: webhook.Added},
		{Webhook: "other", Advertiser: "USA_3", Action: webhook.Added},
		{Webhook: "alone", Advertiser: "USA_2", Action: webhook.Removed},
		{Webhook: "gone", Advertiser: "USA_1", Action: webhook.Removed},
	}
	if diff := cmp.Diff(wantChanges, changes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestASeedThatIsCutAnywhereIsCompletedByTheNext has a Redis that dies after
// each number of commands, also between those of a transaction.
func TestASeedThatIsCutAnywhereIsCompletedByTheNext(t *testing.T) {
	before, after := beforeAndAfter()
	prune := webhook.SeedOptions{Prune: true}
	mini := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr(), MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	store := webhook.NewStore(rdb, "leadhook")
	var left atomic.Int64
	var dead sync.Map // connections, whose further commands may have been read already
	mini.Server().SetPreHook(func(peer *server.Peer, _ string, _ ...string) bool {
		if left.Add(-1) < 0 {
			dead.Store(peer, true)
			peer.Close()
		}
		_, isDead := dead.Load(peer)
		return isDead
	})
	const plenty = 1 << 20
	left.Store(plenty)
	seed(t, store, before...)
	disable(t, store, stored(t, store, before[1]), true)
	start := content(t, rdb)
	begin := func(after int) {
		mini.FlushAll()
		for key, fields := range start {
			for field, value := range fields {
				if field == "" {
					_ = mini.Set(key, value)
				} else {
					mini.HSet(key, field, value)
				}
			}
		}
		left.Store(int64(after))
	}

	begin(plenty)
	if _, err := store.Seed(t.Context(), after, prune); err != nil {
		t.Fatal(err)
	}
	commands := plenty - int(left.Load())
	want := content(t, rdb)
	for n := range commands {
		const shares = 64 // at the beginning and the end something small is done for each: eight tell enough
		if (n < shares || n > commands-shares) && n%8 != 0 {
			continue
		}
		begin(n)
		if _, err := store.Seed(t.Context(), after, prune); err == nil {
			t.Fatalf("after %d of %d commands: got no error", n, commands)
		}
		left.Store(plenty)
		for _, advertiser := range []string{"USA_1", "USA_2", "USA_3"} {
			got, err := store.Webhooks(t.Context(), advertiser)
			if err != nil {
				t.Fatalf("after %d commands: %v", n, err)
			}
			if ids := idsOf(got); ids != idsFor(before, advertiser) && ids != idsFor(after, advertiser) {
				t.Errorf("after %d commands: %s has %s, which is neither before nor after", n, advertiser, ids)
			}
		}
		if _, err := store.Seed(t.Context(), after, prune); err != nil {
			t.Errorf("after %d commands: the next seed: %v", n, err)
		}
		if diff := cmp.Diff(want, content(t, rdb)); diff != "" {
			t.Fatalf("after %d of %d commands and another seed (-want +got):\n%s", n, commands, diff)
		}
	}
}

func idsOf(hooks []*lead.Webhook) string {
	ids := make(map[string]bool)
	for _, h := range hooks {
		ids[fmt.Sprint(h.ID, " ", h.Active)] = true
	}
	return fmt.Sprint(slices.Sorted(maps.Keys(ids)))
}

func idsFor(hooks []lead.Webhook, advertiser string) string {
	var of []*lead.Webhook
	for _, h := range hooks {
		if h.Advertiser == advertiser {
			of = append(of, &h)
		}
	}
	return idsOf(of)
}

func TestAnAdvertiserGetsNoMoreWebhooksThanItMayHave(t *testing.T) {
	store := webhook.NewStore(redistest.New(t), "leadhook")
	hooks := func(advertiser string, from, to int) []lead.Webhook {
		var list []lead.Webhook
		for n := from; n < to; n++ {
			list = append(list, hook(fmt.Sprint("w", n), advertiser))
		}
		return list
	}
	seeds := func(list []lead.Webhook, opts webhook.SeedOptions, want string) {
		t.Helper()
		changes, err := store.Seed(t.Context(), list, opts)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(changes) > 0) {
			t.Errorf("got %d changes and error %v, want one with %q", len(changes), err, want)
		}
	}
	seeds(hooks("USA_1", 0, 101), webhook.SeedOptions{}, `advertiser "USA_1" has 0 webhooks in Redis and would have 101, at most 100 are allowed`)
	seeds(hooks("USA_1", 0, 101), webhook.SeedOptions{DryRun: true}, "at most 100")
	seeds(hooks("USA_1", 0, 99), webhook.SeedOptions{}, "")
	seeds(append(hooks("USA_1", 99, 101), hook("other", "USA_2")), webhook.SeedOptions{}, `has 99 webhooks in Redis and would have 101, at most 100 are allowed`)
	if stored(t, store, hook("other", "USA_2")) != nil {
		t.Error("one that may be written was, beside those that may not")
	}
	seeds(hooks("USA_1", 99, 100), webhook.SeedOptions{}, "")

	// What another setting allowed goes on and can be changed, replaced and removed.
	seeds(hooks("USA_1", 0, 130), webhook.SeedOptions{PerAdvertiser: 130}, "")
	if got, err := store.Webhooks(t.Context(), "USA_1"); err != nil || len(got) != 130 || got[129].Damaged != "" || !got[129].Active {
		t.Errorf("got %d webhooks and error %v, want 130 as before", len(got), err)
	}
	setActive(t, store, "w0", false, true)
	setActive(t, store, "w0", true, true)
	changed := hooks("USA_1", 0, 130)
	changed[7].URL = "https://crm.example.com/changed"
	seeds(changed, webhook.SeedOptions{}, "")
	seeds(append(changed, hook("new", "USA_1")), webhook.SeedOptions{}, "would have 131")
	seeds(append(changed[1:], hook("new", "USA_1")), webhook.SeedOptions{Prune: true}, "")
	if stored(t, store, hook("new", "USA_1")) == nil || stored(t, store, changed[0]) != nil {
		t.Error("one was not replaced by another")
	}
}
