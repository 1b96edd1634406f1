//go:build real

package main

import (
	"testing"

	"github.com/leadhook/leadhook/internal/realstack"
)

// TestLeadsWaitWhileRedisEvicts changes the policy while the service runs, as a
// failover can.
func TestLeadsWaitWhileRedisEvicts(t *testing.T) {
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
	r.until("it reads them", func() bool { return i.metric("leadhook_open_bytes") > 0 })
	if a := r.account(); a.taken != 1 || a.lag < 10 {
		t.Errorf("while Redis evicts: got %v, want the ten leads waiting", a)
	}
	r.seed(r.hook("all", advertiser))
	policy("noeviction")
	i.ready()
	r.exactly(11)
	i.stop()
}
