//go:build real

package ledger_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

func realRedis(tb testing.TB, args ...string) *redis.Client {
	tb.Helper()
	server, err := realstack.StartRedis(tb.Context(), realstack.RedisOptions{Args: args})
	if err != nil {
		tb.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	tb.Cleanup(func() { _, _ = rdb.Close(), server.Close() })
	return rdb
}

func usedMemory(tb testing.TB, rdb *redis.Client) float64 {
	tb.Helper()
	info, err := rdb.InfoMap(tb.Context(), "memory").Result()
	if err != nil {
		tb.Fatal(err)
	}
	bytes, err := strconv.ParseFloat(info["Memory"]["used_memory"], 64)
	if err != nil {
		tb.Fatal(err)
	}
	return bytes
}

// TestMarksArePackedInRedis measures the bytes of a mark, keys and all.
func TestMarksArePackedInRedis(t *testing.T) {
	const marks = 200_000
	for name, c := range map[string]struct {
		id    func(n int) string
		mark  lead.Mark
		bound float64
	}{
		"rising ids":                             {func(n int) string { return strconv.Itoa(40_000_000 + n) }, lead.MarkDelivered, 22},
		"rising ids, two webhooks":               {func(n int) string { return strconv.Itoa(40_000_000 + n/2) }, lead.MarkDelivered, 22},
		"rising ids, one in a hundred handed on": {func(n int) string { return strconv.Itoa(40_000_000 + 100*n) }, 3, 50},
		"rising ids, one in ten handed on":       {func(n int) string { return strconv.Itoa(40_000_000 + 10*n) }, 3, 22},
		"rising ids, all handed on":              {func(n int) string { return strconv.Itoa(40_000_000 + n) }, 3, 100},
		"rising ids, one in ten":                 {func(n int) string { return strconv.Itoa(40_000_000 + 10*n) }, lead.MarkDelivered, 50},
		"random ids of nine digits":              {func(int) string { return strconv.Itoa(rand.IntN(1e9)) }, lead.MarkDelivered, 230},
		"random ids of sixty-four bits":          {func(int) string { return strconv.FormatUint(rand.Uint64(), 10) }, lead.MarkDelivered, 230},
	} {
		t.Run(name, func(t *testing.T) {
			rdb := realRedis(t)
			l := running(t, rdb, ledger.Options{MaxPending: marks})
			flushed(t, l)
			before := usedMemory(t, rdb)
			for n := range marks {
				l.Note(c.id(n), delivery(strconv.Itoa(n), "a"), c.mark)
			}
			flushed(t, l)
			each := (usedMemory(t, rdb) - before) / marks
			t.Logf("%.1f bytes a mark", each)
			if each > c.bound {
				t.Errorf("got %.1f bytes a mark, want at most %v", each, c.bound)
			}
		})
	}
}

func TestFullRedisKeepsTheLedgerReadable(t *testing.T) {
	rdb := realRedis(t, "--maxmemory-policy", "noeviction")
	l := running(t, rdb, ledger.Options{})
	l.Note("1", delivery("1", "a"), lead.MarkDelivered)
	flushed(t, l)
	if err := rdb.Set(t.Context(), "filler", strings.Repeat("x", 4<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := rdb.ConfigSet(t.Context(), "maxmemory", "2mb").Err(); err != nil {
		t.Fatal(err)
	}
	l.Note("2", delivery("2", "a"), 5)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := l.Flush(ctx); err == nil {
		t.Error("a full Redis took a mark")
	}
	wantReached(t, l, "1", lead.MarkDelivered)
	wantReached(t, l, "2", 5)
	if err := rdb.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	flushed(t, l)
	wantReached(t, running(t, rdb, ledger.Options{}), "2", 5)
}

func wantReached(t *testing.T, l *ledger.Ledger, id string, want lead.Mark) {
	t.Helper()
	if got, err := l.Reached(t.Context(), id, delivery(id, "a")); err != nil || got != want {
		t.Errorf("lead %s: got %d, error %v, want %d", id, got, err, want)
	}
}

const leads = 4096

// spread is the id of a lead; they are of all shares.
func spread(n int) string { return strconv.Itoa(16 * n) }

func TestClusterAnswersForTheNodesThatAreThere(t *testing.T) {
	cluster, err := realstack.StartCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _, _ = rdb.Close(), cluster.Close() })
	if err := cluster.ServeInPart(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := running(t, rdb, ledger.Options{})
	for n := range leads {
		l.Note(spread(n), delivery(spread(n), "a"), lead.MarkDelivered)
	}
	flushed(t, l)
	other := running(t, rdb, ledger.Options{})
	if n := known(t, other); n != leads {
		t.Fatalf("got %d marks of %d", n, leads)
	}

	cluster.Nodes()[0].Kill()
	for range 3 { // while it notices, and after
		started := time.Now()
		n := known(t, other)
		if took := time.Since(started); n < leads/2 || n > leads*5/6 || took > 3*time.Second {
			t.Errorf("without one node: got %d marks of %d in %v, want about two thirds, soon", n, leads, took)
		}
	}
	for n := range leads {
		l.Note(spread(n), delivery(spread(n), "a"), 7) // for the node that will be empty
	}
	if err := cluster.Nodes()[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	flushed(t, l)
	for deadline := time.Now().Add(30 * time.Second); known(t, other) < leads; {
		if time.Now().After(deadline) {
			t.Fatalf("got %d marks of %d after the node's return", known(t, other), leads)
		}
	}
}

// known is of how many of the leads, all asked for at once, something is known.
func known(t *testing.T, l *ledger.Ledger) int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	count := 0
	for n := range leads {
		wg.Go(func() {
			m, err := l.Reached(t.Context(), spread(n), delivery(spread(n), "a"))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if m > 0 {
				count++
			}
		})
	}
	wg.Wait()
	return count
}
