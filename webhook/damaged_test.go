package webhook_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/edit"
)

// What somebody altered in Redis is not used, and is as it was when Redis is mended.
func TestARecordThatWasAlteredIsDamagedUntilRedisIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := miniredis.NewMiniRedis()
		defer server.Close()
		log := newMemoryLog(func() bool { return false })
		dial := (&redistest.Line{Server: server}).Dial
		w := newWorld(t, 1, servers{topic: log, memory: log, hurry: 1, client: func() *redis.Client { return redistest.NewClient(dial) }})
		ctx, cancel := context.WithCancel(context.Background())
		w.ctx = ctx
		defer time.Sleep(2 * time.Second) // the clients leave goroutines for a second
		defer w.close(cancel)
		w.calm.Store(true)

		hook := w.anyHook(0)
		hook.ID, hook.Advertiser = "A0", "A"
		process, _ := w.process("seed", func() {})
		if _, err := (&edit.Editor{Log: process, By: "someone", With: "a test"}).Seed(ctx, []lead.Webhook{hook}, edit.SeedOptions{}); err != nil {
			t.Fatal(err)
		}
		w.quieten(false)
		w.end(0, false)
		key, stored := w.storedOf("A")
		w.operator.HSet(ctx, key, "=A", strings.Replace(stored, stored[len(stored)-3:], "xyz", 1))
		w.start(0)
		for _, want := range []string{"", "A0"} {
			hooks, err := w.instance(0).cache.For(ctx, "A", time.Now())
			if err != nil || len(hooks) != 1 || hooks[0].ID != want || (hooks[0].Damaged == "") != (want != "") || want == "" && hooks[0].URL != "" {
				t.Errorf("found %s, %v, want webhook %q", describe(hooks), err, want)
			}
			w.operator.HSet(ctx, key, "=A", stored)
		}
	})
}

// storedOf returns what Redis has of an advertiser, and in which hash.
func (w *world) storedOf(advertiser string) (key, value string) {
	for _, key := range w.shareKeys() {
		if value, err := w.operator.HGet(w.ctx, key, "="+advertiser).Result(); err == nil {
			return key, value
		}
	}
	w.fail("Redis has nothing of %s", advertiser)
	return "", ""
}
