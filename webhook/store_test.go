package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/internal/urltest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

func TestWebhooksComeBackAsTheyWereSeeded(t *testing.T) {
	store := webhook.NewStore(redistest.New(t), "leadhook")
	b, a, other := full("b", "USA_1"), hook("a", "USA_1"), hook("c", "USA_2")
	seed(t, store, b, a, other)
	got, err := store.Webhooks(t.Context(), "USA_1")
	if diff := cmp.Diff([]*lead.Webhook{&a, &b}, got, revealed); err != nil || diff != "" {
		t.Errorf("got error %v and webhooks (-want +got):\n%s", err, diff)
	}
	if got, err := store.Webhooks(t.Context(), "USA_3"); err != nil || len(got) != 0 {
		t.Errorf("an advertiser without webhooks: got %v, error %v, want none", got, err)
	}
	want := map[string][]*lead.Webhook{"USA_2": {&other}, "USA_1": {&a, &b}, "USA_3": nil}
	all, err := store.WebhooksOf(t.Context(), []string{"USA_2", "USA_3", "USA_1"})
	if diff := cmp.Diff(want, all, revealed); err != nil || diff != "" {
		t.Errorf("of three advertisers: got error %v and webhooks (-want +got):\n%s", err, diff)
	}
}

// revealed compares secrets by their values and shows them, all invented. The
// version is not part of what is seeded.
var revealed = cmp.Options{
	cmp.Transformer("reveal", func(s lead.Secret) string { return s.Reveal() }),
	cmpopts.IgnoreFields(lead.Webhook{}, "Version"),
}

func seed(t *testing.T, store *webhook.Store, hooks ...lead.Webhook) webhook.Changes {
	t.Helper()
	changes, err := store.Seed(t.Context(), hooks, webhook.SeedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestRedisThatWasNotSeededIsNotTakenForOneWithoutWebhooks(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	if _, err := store.Webhooks(t.Context(), "USA_1"); !errors.Is(err, webhook.ErrNotSeeded) {
		t.Errorf("before a seed: got error %v, want ErrNotSeeded", err)
	}
	if got, err := store.WebhooksOf(t.Context(), []string{"USA_1"}); !errors.Is(err, webhook.ErrNotSeeded) || len(got) != 0 {
		t.Errorf("before a seed, several: got %v, error %v, want ErrNotSeeded", got, err)
	}
	seed(t, store)
	if _, err := store.Webhooks(t.Context(), "USA_1"); err != nil {
		t.Errorf("after a seed of nothing: got error %v, want none", err)
	}
	if err := rdb.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Webhooks(t.Context(), "USA_1"); !errors.Is(err, webhook.ErrNotSeeded) {
		t.Errorf("after Redis was emptied: got error %v, want ErrNotSeeded", err)
	}
}

func TestSeedSaysWhatItDidAndRemovesNothing(t *testing.T) {
	store := webhook.NewStore(redistest.New(t), "leadhook")
	a, b, c, d := hook("a", "USA_1"), full("b", "USA_1"), hook("c", "USA_2"), hook("d", "USA_3")
	seed(t, store, a, b, c)
	a.Active = false
	got := seed(t, store, d, b, a)
	want := webhook.Changes{
		{Webhook: "d", Advertiser: "USA_3", Action: webhook.Added},
		{Webhook: "b", Advertiser: "USA_1", Action: webhook.Unchanged},
		{Webhook: "a", Advertiser: "USA_1", Action: webhook.Changed, Fields: []webhook.FieldChange{{Field: "active", Before: "true", After: "false"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := got.Count(webhook.Changed); n != 1 {
		t.Errorf("got %d changed, want 1", n)
	}
	for _, w := range []lead.Webhook{a, b, c, d} {
		if got := stored(t, store, w); !cmp.Equal(&w, got, revealed) {
			t.Errorf("webhook %s: (-want +got):\n%s", w.ID, cmp.Diff(&w, got, revealed))
		}
	}
}

// stored is the webhook in Redis, nil if it is not there.
func stored(t *testing.T, store *webhook.Store, w lead.Webhook) *lead.Webhook {
	t.Helper()
	hooks, err := store.Webhooks(t.Context(), w.Advertiser)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hooks {
		if h.ID == w.ID {
			return h
		}
	}
	return nil
}

func TestSeedWritesNothingIfAnyWebhookMayNotBe(t *testing.T) {
	invalid := hook("new", "USA_9")
	invalid.URL = "ftp://crm.example.com/"
	for name, c := range map[string]struct {
		hooks []lead.Webhook
		want  string
	}{
		"an id of another advertiser": {[]lead.Webhook{hook("new", "USA_9"), hook("a", "USA_9")},
			`webhook "a" belongs to advertiser "USA_1"`},
		"an id given twice": {[]lead.Webhook{hook("new", "USA_9"), hook("new", "USA_8")}, "given twice"},
		"an invalid one":    {[]lead.Webhook{hook("x", "USA_9"), invalid}, `webhook "new": url must begin with https://`},
	} {
		t.Run(name, func(t *testing.T) {
			store := webhook.NewStore(redistest.New(t), "leadhook")
			seed(t, store, hook("a", "USA_1"))
			changes, err := store.Seed(t.Context(), c.hooks, webhook.SeedOptions{})
			if err == nil || !strings.Contains(err.Error(), c.want) || len(changes) > 0 {
				t.Errorf("got %v and error %v, want one with %q", changes, err, c.want)
			}
			for _, w := range c.hooks {
				if w.Advertiser != "USA_1" && stored(t, store, w) != nil {
					t.Errorf("webhook %s was written", w.ID)
				}
			}
		})
	}
}

func TestOneIDGoesToOneOfTwoAdvertisersSeededAtOnce(t *testing.T) {
	store := webhook.NewStore(redistest.New(t), "leadhook")
	for n := range 20 {
		hooks := []lead.Webhook{hook(fmt.Sprint("w", n), "USA_1"), hook(fmt.Sprint("w", n), "USA_2")}
		var errs [2]error
		var wg sync.WaitGroup
		for i := range hooks {
			wg.Go(func() { _, errs[i] = store.Seed(t.Context(), hooks[i:i+1], webhook.SeedOptions{}) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("webhook %s: got errors %v and %v, want exactly one", hooks[0].ID, errs[0], errs[1])
		}
		for i, err := range errs {
			if got := stored(t, store, hooks[i]); (got != nil) != (err == nil) {
				t.Errorf("webhook %s for %s: error %v, but stored: %t", hooks[i].ID, hooks[i].Advertiser, err, got != nil)
			}
		}
	}
}

func TestDamagedRecordStopsOnlyItsOwnWebhook(t *testing.T) {
	for name, c := range map[string]struct{ record, want string }{
		"not JSON":        {`{"v":1,"url":"https://secret`, "not the JSON"},
		"a later layout":  {`{"v":2}`, "layout 2"},
		"no layout":       {`{"url":"https://crm.example.com/"}`, "layout 0"},
		"an invalid url":  {record(func(r map[string]any) { r["url"] = "https://u:secret@crm.example.com/" }), "user info"},
		"a wrong type":    {record(func(r map[string]any) { r["active"] = "secret" }), "not the JSON"},
		"unknown trigger": {record(func(r map[string]any) { r["event"] = "secret" }), "event is required"},
		"unknown type":    {record(func(r map[string]any) { r["lead_types"] = []string{"secret"} }), "lead_types"},
		"no types":        {record(func(r map[string]any) { delete(r, "lead_types") }), "lead_types"},
		"unknown format":  {record(func(r map[string]any) { r["format"] = "secret" }), "format"},
		"a tiny rate":     {record(func(r map[string]any) { r["rate"] = 1e-12 }), "rate must be a number from 0.001 to 10,000"},
		"a huge rate":     {record(func(r map[string]any) { r["rate"] = 1e300 }), "rate must be a number from 0.001 to 10,000"},
		"a negative rate": {record(func(r map[string]any) { r["rate"] = -1 }), "rate must be a number from 0.001 to 10,000"},
		"a rate of 1e999": {strings.Replace(record(func(r map[string]any) { r["rate"] = 7 }), "7", "1e999", 1), "not the JSON"},
		"long headers": {record(func(r map[string]any) {
			r["headers"] = map[string]string{"X-A": "secret" + strings.Repeat("x", 8000), "X-B": strings.Repeat("x", 8000), "X-C": strings.Repeat("x", 400)}
		}), "headers has 16415 bytes of names and values, at most 16384 are allowed; seed the webhook again"},
		"a short signing secret": {record(func(r map[string]any) { r["signing_secrets"] = []string{"whsec_c2VjcmV0"} }),
			"a signing secret has 6 bytes, it must have 24 to 64"},
		"a header like one of ours": {record(func(r map[string]any) { r["headers"] = map[string]string{"webhook_id": "secret"} }),
			"header webhook_id is reserved"},
		"header injection": {record(func(r map[string]any) { r["authorization"] = "secret\r\nA: b" }), "control characters"},
	} {
		t.Run(name, func(t *testing.T) {
			rdb := redistest.New(t)
			store := webhook.NewStore(rdb, "leadhook")
			seed(t, store, hook("a", "USA_332240"))
			key := webhooksKey(t, rdb)
			if err := rdb.HSet(t.Context(), key, "b", c.record).Err(); err != nil {
				t.Fatal(err)
			}
			hooks, err := store.Webhooks(t.Context(), "USA_332240")
			if err != nil || len(hooks) != 2 {
				t.Fatalf("got %d webhooks and error %v, want 2", len(hooks), err)
			}
			if hooks[0].Damaged != "" || !hooks[0].Active {
				t.Errorf("the sound webhook: got %+v", hooks[0])
			}
			b := hooks[1]
			if !strings.Contains(b.Damaged, c.want) || strings.Contains(strings.ReplaceAll(b.Damaged, "signing secret", ""), "secret") {
				t.Errorf("got %q, want %q in it and no value", b.Damaged, c.want)
			}
			want := &lead.Webhook{ID: "b", Advertiser: "USA_332240", Damaged: b.Damaged}
			if diff := cmp.Diff(want, b); diff != "" {
				t.Errorf("a damaged webhook keeps more than it should (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStoredWebhooksWithHostileURLsAreDamaged(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	seed(t, store, hook("a", "USA_332240"))
	key := webhooksKey(t, rdb)
	for _, kind := range []string{"host", "form", "address", "good"} {
		for _, raw := range urltest.Of(kind) {
			if err := rdb.HSet(t.Context(), key, "a", record(func(r map[string]any) { r["url"] = raw })).Err(); err != nil {
				t.Fatal(err)
			}
			hooks, err := store.Webhooks(t.Context(), "USA_332240")
			if err != nil || len(hooks) != 1 {
				t.Fatalf("got %d webhooks and error %v, want 1", len(hooks), err)
			}
			// What an operator allows is judged when it is called.
			if refused := kind == "host" || kind == "form"; (hooks[0].Damaged != "") != refused {
				t.Errorf("%s %q: got %q, want damaged: %v", kind, raw, hooks[0].Damaged, refused)
			}
		}
	}
}

// record is a sound record with one thing changed.
func record(change func(map[string]any)) string {
	r := map[string]any{
		"v": 1, "url": "https://crm.example.com/", "event": "new_contact", "lead_types": []string{"calls"}, "format": "json",
	}
	change(r)
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// webhooksKey is the key of the one advertiser with webhooks.
func webhooksKey(t *testing.T, rdb redis.UniversalClient) string {
	t.Helper()
	keys, err := rdb.Keys(t.Context(), "leadhook:{*}:webhooks:*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("got keys %q and error %v, want one key", keys, err)
	}
	return keys[0]
}

func TestSoundRecordByAnotherHandIsRead(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	seed(t, store, hook("a", "USA_1"))
	other := record(func(r map[string]any) { r["event"], r["later"] = "new_lead", "a field of a later version" })
	if err := rdb.HSet(t.Context(), webhooksKey(t, rdb), "a", other).Err(); err != nil {
		t.Fatal(err)
	}
	got := stored(t, store, hook("a", "USA_1"))
	if got.Damaged != "" || got.Trigger != lead.ExistingContact || got.LeadTypes != lead.Calls {
		t.Errorf("got %+v", got)
	}
}

// A watcher sees each pipeline of commands before it is sent and after it was
// answered.
type watcher struct{ before, after func(cmds []redis.Cmder) }

func (w watcher) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (w watcher) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (w watcher) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if w.before != nil {
			w.before(cmds)
		}
		err := next(ctx, cmds)
		if w.after != nil {
			w.after(cmds)
		}
		return err
	}
}

func TestSeedChangesAnAdvertiserInOneTransactionOfOneSlot(t *testing.T) {
	rdb := redistest.New(t)
	transactions := make(map[string]int) // of an advertiser
	rdb.AddHook(watcher{before: func(cmds []redis.Cmder) {
		if cmds[0].Name() != "multi" {
			return
		}
		var slots, advertisers, announced []string
		for _, cmd := range cmds {
			switch cmd.Name() {
			case "hset":
				slot, advertiser, _ := strings.Cut(fmt.Sprint(cmd.Args()[1]), "}:webhooks:")
				slots, advertisers = appendNew(slots, slot), appendNew(advertisers, advertiser)
			case "publish":
				if err := json.Unmarshal(cmd.Args()[2].([]byte), &announced); err != nil {
					t.Error(err)
				}
			}
		}
		if len(slots) != 1 || len(cmds) > 400 || !cmp.Equal(advertisers, announced) {
			t.Errorf("a transaction of %d commands on slots %v for %v announces %v", len(cmds), slots, advertisers, announced)
		}
		for _, a := range advertisers {
			transactions[a]++
		}
	}})
	var hooks []lead.Webhook
	for n := range 12_000 { // 300 webhooks of one advertiser, 13 of each other
		hooks = append(hooks, hook(fmt.Sprint("w", n), fmt.Sprint("USA_", max(0, n-299)%900)))
	}
	changes, err := webhook.NewStore(rdb, "leadhook").Seed(t.Context(), hooks, webhook.SeedOptions{PerAdvertiser: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if n := changes.Count(webhook.Added); n != len(hooks) || len(transactions) != 900 {
		t.Errorf("got %d webhooks and %d advertisers written, want %d and 900", n, len(transactions), len(hooks))
	}
	for advertiser, n := range transactions {
		if n != 1 {
			t.Errorf("advertiser %s was written in %d transactions", advertiser, n)
		}
	}
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func TestSeedIntoARedisThatIsEmptiedMeanwhileFails(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	a, b := hook("a", "USA_1"), hook("b", "USA_2")
	seed(t, store, a)
	emptied := false
	rdb.AddHook(watcher{after: func(cmds []redis.Cmder) {
		if !emptied && cmds[0].Name() == "multi" {
			emptied = true
			if err := rdb.FlushDB(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		}
	}})
	if _, err := store.Seed(t.Context(), []lead.Webhook{a, b}, webhook.SeedOptions{}); err == nil || !strings.Contains(err.Error(), "lost its data") {
		t.Errorf("got error %v, want one that says that Redis lost its data", err)
	}
	if _, err := store.Webhooks(t.Context(), "USA_1"); !errors.Is(err, webhook.ErrNotSeeded) {
		t.Errorf("got error %v, want ErrNotSeeded: nobody would notice that webhook a is lost", err)
	}
	seed(t, store, a, b)
	if stored(t, store, a) == nil || stored(t, store, b) == nil {
		t.Error("seeding again did not complete it")
	}
}

func TestSeedThatFailsHalfWaySaysHowFarItGot(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	ctx, cancel := context.WithCancel(t.Context())
	rdb.AddHook(watcher{after: func(cmds []redis.Cmder) {
		if cmds[0].Name() == "multi" {
			cancel()
		}
	}})
	hooks := []lead.Webhook{hook("a", "USA_1"), hook("b", "USA_2"), hook("c", "USA_1")}
	done, err := store.Seed(ctx, hooks, webhook.SeedOptions{})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "of 3 webhooks are done") {
		t.Errorf("got error %v", err)
	}
	if len(done) == 0 || len(done) == 3 {
		t.Fatalf("got %v, want the webhooks of one advertiser", done)
	}
	if again := seed(t, store, hooks...); again.Count(webhook.Unchanged) != len(done) {
		t.Errorf("%v was written, but the next seed found %v", done, again)
	}
}
