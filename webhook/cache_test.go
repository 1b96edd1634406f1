package webhook_test

import (
	"context"
	"fmt"
	"runtime"
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
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// TestTheCacheKnowsItsMemory caches webhooks that fail, with what is known of that, and compares
// what they take with what the cache says that they do, by which it is bounded.
func TestTheCacheKnowsItsMemory(t *testing.T) {
	failing := lead.Failing{Since: time.Now(), Attempts: 1}
	last := lead.Failure{
		At: time.Now(), Cause: lead.CauseRefused, Status: 422,
		Error: strings.Repeat("the CRM answered 422 ", 48), Answer: strings.Repeat("The field postal is required. ", 34),
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), ContextTimeoutEnabled: true})
	defer rdb.Close()
	k := kafkatest.New(t)
	tp := topic.New(k.Client, k.Topic(t, 1, "cleanup.policy=compact"))
	defer tp.Close()
	log := &follow.Log{Topic: tp, Shares: shares.New(rdb, "leadhook"), Boxes: seal.New(nil, true)}
	hooks := make([]lead.Webhook, 600)
	for i := range hooks {
		hooks[i] = lead.Webhook{
			ID: fmt.Sprint("w", i), Advertiser: fmt.Sprint("USA_", i), URL: "https://crm.example.com/", Trigger: lead.NewContact,
			LeadTypes: lead.AllLeadTypes, Format: lead.JSON, Active: true,
		}
	}
	if _, err := (&edit.Editor{Log: log}).Seed(ctx, hooks, edit.SeedOptions{}); err != nil {
		t.Fatal(err)
	}
	for h, err := range (webhook.Catalog{Log: log}).All(ctx, "") {
		if err == nil {
			err = log.Shares.NoteFailing(ctx, h.Advertiser, h.ID, h.Version, failing, last)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	reg := prometheus.NewRegistry()
	cache := webhook.NewCache(log, webhook.Options{}, reg, zaptest.NewLogger(t))
	var running sync.WaitGroup
	running.Go(func() { cache.Run(ctx) })
	defer func() { cancel(); running.Wait() }()
	load := func(hooks []lead.Webhook) {
		for i := range hooks {
			found, err := cache.For(ctx, hooks[i].Advertiser, time.Now())
			if err != nil || len(found) != 1 || found[0].LastFailure.Error != last.Error {
				t.Fatalf("%s: got %d webhooks, %v", hooks[i].Advertiser, len(found), err)
			}
		}
	}
	load(hooks[:100]) // buffers grow
	takes, says := -heap(), -cachedBytes(t, reg)
	load(hooks[100:])
	takes, says = takes+heap(), says+cachedBytes(t, reg)
	if each := says / 500; takes/500 > 1.1*each {
		t.Errorf("a webhook takes %v bytes, and the cache says %v", takes/500, each)
	}
	runtime.KeepAlive(cache)
}

// heap returns how many bytes are in use.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what pools still held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func cachedBytes(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "leadhook_webhooks_cached_bytes" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no leadhook_webhooks_cached_bytes")
	return 0
}
