// Package redistest has the Redis of tests: one inside the test or the one that
// the environment names, and, for tests in virtual time, a line to it that can
// be cut. Only tests import it. It knows nothing of what is stored.
package redistest

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// New returns a client for an empty Redis: the one that LEADHOOK_TEST_REDIS
// names, whose database is flushed, or else one inside the test.
func New(t testing.TB) redis.UniversalClient {
	t.Helper()
	opts := &redis.Options{}
	if url := os.Getenv("LEADHOOK_TEST_REDIS"); url != "" {
		var err error
		if opts, err = redis.ParseURL(url); err != nil {
			t.Fatal("LEADHOOK_TEST_REDIS is not a redis:// URL")
		}
	} else {
		opts.Addr = miniredis.RunT(t).Addr()
	}
	opts.ContextTimeoutEnabled = true
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	if err := rdb.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal("emptying Redis:", err)
	}
	return rdb
}

// Close closes a client and waits for what it leaves running for a second.
func Close(rdb *redis.Client) {
	_ = rdb.Close()
	time.Sleep(2 * time.Second)
}

// NewClient returns a client whose connections dial opens.
func NewClient(dial func(context.Context, string, string) (net.Conn, error)) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:6379", Dialer: dial, ContextTimeoutEnabled: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}
