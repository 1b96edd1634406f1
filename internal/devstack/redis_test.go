package devstack_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/devstack"
	"github.com/leadhook/leadhook/internal/realstack"
)

func startRedis(t *testing.T, listen string) (*devstack.Redis, *redis.Client) {
	t.Helper()
	r, err := devstack.StartRedis(devstack.RedisOptions{Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	opts, err := redis.ParseURL(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return r, client
}

func TestRedisKeysExpire(t *testing.T) {
	_, client := startRedis(t, "")
	if err := client.Set(t.Context(), "k", "v", 20*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); client.Exists(t.Context(), "k").Val() != 0; {
		if time.Now().After(deadline) {
			t.Fatal("a key with a TTL of 20 ms is still there after 10 s")
		}
	}
}

func TestRedisAnnouncesAndComesBackEmpty(t *testing.T) {
	r, client := startRedis(t, realstack.FreeAddr(t))
	sub := client.Subscribe(t.Context(), "changes")
	defer sub.Close()
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	client.Set(t.Context(), "k", "v", 0)
	client.Publish(t.Context(), "changes", "USA_1")
	if m, err := sub.ReceiveMessage(t.Context()); err != nil || m.Payload != "USA_1" {
		t.Fatalf("announced is %v (%v), want USA_1", m, err)
	}
	r.Close()

	_, again := startRedis(t, r.Addr())
	if n, err := again.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("after a restart it has %d keys (%v), want none", n, err)
	}
}
