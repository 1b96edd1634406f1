package edit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap/zaptest"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// A rig is a Kafka, a Redis, a log in them, and a cache that is running.
type rig struct {
	t      *testing.T
	server *miniredis.Miniredis
	log    *follow.Log
	cache  *webhook.Cache
	editor *edit.Editor
}

func newRig(t *testing.T) *rig { return newRigOn(t, kafkatest.New(t)) }

func newRigOn(t *testing.T, k *kafkatest.Rig) *rig {
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	tp := topic.New(k.Client, k.Topic(t, 1, "cleanup.policy=compact"))
	t.Cleanup(func() { _ = tp.Close() })
	l := &follow.Log{Topic: tp, Shares: shares.New(rdb, "leadhook"), Boxes: seal.New(nil, true)}
	r := &rig{t: t, server: server, log: l, editor: &edit.Editor{Log: l, By: "someone", With: "a test"}}
	r.cache = webhook.NewCache(l, webhook.Options{}, prometheus.NewRegistry(), zaptest.NewLogger(t))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.cache.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

func hook(advertiser, id string) lead.Webhook {
	return lead.Webhook{
		ID: id, Advertiser: advertiser, URL: "https://crm.example.com/" + id, Trigger: lead.NewContact,
		LeadTypes: lead.AllLeadTypes, Format: lead.JSON, Active: true, Authorization: "token " + lead.Secret(id),
	}
}

func (r *rig) seed(hooks ...lead.Webhook) edit.Changes {
	r.t.Helper()
	changes, err := r.editor.Seed(r.within(), hooks, edit.SeedOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return changes
}

func (r *rig) within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	r.t.Cleanup(cancel)
	return ctx
}

func (r *rig) ids(advertiser string) string {
	r.t.Helper()
	hooks, err := r.cache.For(r.within(), advertiser, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	var text strings.Builder
	for _, h := range hooks {
		text.WriteString(" " + h.ID)
		if h.Damaged != "" {
			text.WriteString(" damaged: " + h.Damaged)
		}
		if h.Disabled != (lead.Disabled{}) {
			text.WriteString(" disabled")
		}
	}
	return text.String()
}

func TestWhatWasSeededIsFoundAtOnce(t *testing.T) {
	r := newRig(t)
	r.seed(hook("A", "a1"), hook("A", "a2"), hook("B", "b1"))
	for i := range 50 {
		if got := r.ids("A"); got != " a1 a2" {
			t.Fatalf("A has%s", got)
		}
		id := fmt.Sprintf("b%d", i+2)
		r.seed(hook("B", id))
		hooks, err := r.cache.For(r.within(), "B", time.Now())
		if err != nil || len(hooks) != i+2 {
			t.Fatalf("B has %d webhooks, %v", len(hooks), err)
		}
	}
	r.server.FlushAll()
	if got := r.ids("C"); got != "" {
		t.Errorf("C has%s", got)
	}
	if got := r.ids("A"); got != " a1 a2" {
		t.Errorf("after Redis was emptied A has%s", got)
	}
	if _, err := r.editor.Seed(r.within(), []lead.Webhook{hook("C", "a1")}, edit.SeedOptions{}); err == nil {
		t.Error("an id was given to another advertiser")
	}
	if err := r.editor.Remove(r.within(), "a1"); err != nil {
		t.Fatal(err)
	}
	if got := r.ids("A"); got != " a2" {
		t.Errorf("after a1 was removed A has%s", got)
	}
	if err := r.editor.Remove(r.within(), "a1"); !errors.Is(err, webhook.ErrNoWebhook) {
		t.Errorf("removing it again: %v", err)
	}
	_, changes, err := webhook.Catalog{Log: r.log}.History(r.within(), "A")
	if err != nil || len(changes) != 2 || changes[0].Webhooks[0].Action != entry.Removed {
		t.Errorf("the history of A is %+v, %v", changes, err)
	}
	n := 0
	for _, err := range (webhook.Catalog{Log: r.log}).All(r.within(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 52 {
		t.Errorf("there are %d webhooks, want 52", n)
	}
	h, _ := webhook.Catalog{Log: r.log}.Find(r.within(), "a2")
	if done, err := r.editor.Disable(r.within(), h, lead.Disabled{At: time.Now(), Reason: lead.Gone, Status: 410}); !done || err != nil {
		t.Fatalf("disabling: %v, %v", done, err)
	}
	if got := r.ids("A"); got != " a2 disabled" {
		t.Errorf("after a2 was disabled A has%s", got)
	}
	if h, changed, err := r.editor.SetActive(r.within(), "a2", true); err != nil || !changed || h.Enabled != 1 {
		t.Fatalf("enabling: %+v, %v, %v", h, changed, err)
	}
	if got := r.ids("A"); got != " a2" {
		t.Errorf("after a2 was enabled A has%s", got)
	}
}

// TestHealthOfRemovedWebhooksIsForgotten, and that of the others is not. A webhook is removed
// whether or not Redis can forget it.
func TestHealthOfRemovedWebhooksIsForgotten(t *testing.T) {
	r := newRig(t)
	r.seed(hook("A", "a1"), hook("A", "a2"), hook("A", "a3"), hook("B", "b1"))
	for _, id := range []string{"a1", "a2", "a3", "b1"} {
		h, err := webhook.Catalog{Log: r.log}.Find(r.within(), id)
		if err == nil {
			err = r.log.Shares.NoteFailing(r.within(), h.Advertiser, id, h.Version, lead.Failing{Since: time.Now(), Attempts: 7}, lead.Failure{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(want ...string) {
		t.Helper()
		epoch, err := r.log.Epoch(r.within())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, found := range r.log.Shares.Get(r.within(), epoch, []string{"A", "B"}) {
			got = append(got, slices.Sorted(maps.Keys(found.Health))...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got health of %q, want of %q", got, want)
		}
	}
	if err := r.editor.Remove(r.within(), "a1"); err != nil {
		t.Fatal(err)
	}
	want("a2", "a3", "b1")
	if _, err := r.editor.Seed(r.within(), []lead.Webhook{hook("A", "a3"), hook("B", "b1")}, edit.SeedOptions{Prune: true}); err != nil {
		t.Fatal(err)
	}
	want("a3", "b1")
	r.server.SetError("LOADING")
	if err := r.editor.Remove(r.within(), "b1"); err != nil {
		t.Fatal(err)
	}
	r.server.SetError("")
	want("a3", "b1")
	b2 := hook("B", "b2")
	r.seed(b2)
	b2.Format = lead.ADF
	r.seed(b2)
	want("a3")
}

// TestTheFirstSeedCountsAsAWhole has leads wait for the first webhooks: as long as these
// are not all there, no advertiser may be taken for one without webhooks.
func TestTheFirstSeedCountsAsAWhole(t *testing.T) {
	r := newRig(t)
	if _, err := r.editor.Seed(r.within(), []lead.Webhook{hook("A", "a1")}, edit.SeedOptions{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	var hooks []lead.Webhook
	for n := range 5000 {
		hooks = append(hooks, hook(fmt.Sprint("A", n), fmt.Sprint("a", n)))
	}
	interrupted, cancel := context.WithCancel(r.within())
	opts := edit.SeedOptions{Progress: func(done, of int) {
		if end, _ := r.log.Topic.End(r.within()); end > int64(of) { // lists come after ids
			cancel()
		}
	}}
	if _, err := r.editor.Seed(interrupted, hooks, opts); err == nil {
		t.Fatal("the seed was not interrupted")
	}
	if epoch, err := r.log.Epoch(r.within()); !errors.Is(err, follow.ErrNotBegun) {
		t.Errorf("after a seed that was interrupted: the epoch is %q, error %v, want %v", epoch, err, follow.ErrNotBegun)
	}
	found := make(chan string)
	go func() {
		list, err := r.cache.For(context.Background(), "A4999", time.Now())
		found <- fmt.Sprint(len(list), err)
	}()
	changes := r.seed(hooks...)
	if n := changes.Count(edit.Unchanged); n == 0 || n == 5000 {
		t.Errorf("%d of 5000 webhooks were there already, want some", n)
	}
	if got := <-found; got != "1 <nil>" {
		t.Errorf("who waited found %s, want one webhook", got)
	}
}
