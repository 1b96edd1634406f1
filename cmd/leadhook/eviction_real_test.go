//go:build real

package main

import (
	"testing"

	"github.com/leadhook/leadhook/internal/realstack"
)

// TestWhatRedisEvictsIsFilledAgain changes the policy while the service runs, as a
// failover can.
func TestWhatRedisEvictsIsFilledAgain(t *testing.T) {
	t.Parallel()
	server, err := realstack.StartRedis(t.Context(), realstack.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	r := newRig(t, setup{redis: server.URL()})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	i := r.run().ready()
	r.publish(calls(advertiser, 1, 1)...)
	r.exactly(1)

	rdb := r.redisClient()
	policy := func(name string) {
		if err := rdb.ConfigSet(t.Context(), "maxmemory-policy", name).Err(); err != nil {
			t.Fatal(err)
		}
	}
	policy("allkeys-lru")
	i.notReady("maxmemory-policy is allkeys-lru")
	if err := rdb.FlushDB(t.Context()).Err(); err != nil { // more than memory that is full would evict
		t.Fatal(err)
	}
	r.publish(calls(advertiser, 2, 10)...)
	r.exactly(11)
	policy("noeviction")
	i.ready()
	i.stop()
}
