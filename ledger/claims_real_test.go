//go:build real

package ledger_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

// TestRedisThatRefusesWritesIsSeen has Redis refuse writes in all ways that there are.
// Look-ups go on, nothing is claimed, and all is well again by itself.
func TestRedisThatRefusesWritesIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		refuse, allow []string // settings
		word          string
	}{
		"NOREPLICAS": {[]string{"min-replicas-to-write", "1"}, []string{"min-replicas-to-write", "0"}, "NOREPLICAS"},
		"OOM":        {[]string{"maxmemory", "1mb"}, []string{"maxmemory", "0"}, "OOM"},
		"READONLY":   {nil, nil, "READONLY"},
		"MISCONF":    {nil, nil, "MISCONF"},
	} {
		t.Run(name, func(t *testing.T) {
			rdb := realRedis(t, "--maxmemory-policy", "noeviction", "--enable-protected-configs", "yes")
			l := running(t, rdb, ledger.Options{})
			l.Note("1", delivery("1", "a"), lead.MarkDelivered)
			flushed(t, l)
			refuse(t, rdb, c.word, c.refuse)
			wantClaim(t, l, "2", true)
			eventually(t, "it is not ready", func() bool {
				err := l.Ready()
				return err != nil && strings.Contains(err.Error(), c.word)
			})
			wantReached(t, l, "1", lead.MarkDelivered)
			l.Note("3", delivery("3", "a"), 5)
			wantReached(t, l, "3", 5)
			allow(t, rdb, c.word, c.allow)
			eventually(t, "it is ready", func() bool { return l.Ready() == nil })
			flushed(t, l)
			other := running(t, rdb, ledger.Options{})
			wantReached(t, other, "3", 5)
			wantClaim(t, l, "2", true)
			wantClaim(t, other, "2", false)
		})
	}
}

// refuse has Redis refuse writes, with this word.
func refuse(t *testing.T, rdb *redis.Client, word string, setting []string) {
	t.Helper()
	switch word {
	case "READONLY":
		do(t, rdb, "REPLICAOF", "127.0.0.1", "1")
	case "MISCONF":
		do(t, rdb, "CONFIG", "SET", "dir", "/proc")
		_ = rdb.BgSave(t.Context()).Err()
		eventually(t, "saving fails", func() bool {
			return strings.Contains(rdb.Info(t.Context(), "persistence").Val(), "rdb_last_bgsave_status:err")
		})
		do(t, rdb, "CONFIG", "SET", "save", "3600 1")
	default:
		do(t, rdb, "CONFIG", "SET", setting[0], setting[1])
	}
}

// allow ends refuse.
func allow(t *testing.T, rdb *redis.Client, word string, setting []string) {
	t.Helper()
	switch word {
	case "READONLY":
		do(t, rdb, "REPLICAOF", "NO", "ONE")
	case "MISCONF":
		do(t, rdb, "CONFIG", "SET", "save", "")
	default:
		do(t, rdb, "CONFIG", "SET", setting[0], setting[1])
	}
}

func do(t *testing.T, rdb *redis.Client, args ...any) {
	t.Helper()
	if err := rdb.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(args, err)
	}
}

// wantClaim demands whether nobody else has claimed a delivery.
func wantClaim(t *testing.T, l *ledger.Ledger, id string, free bool) {
	t.Helper()
	c, err := l.Claim(t.Context(), id, delivery(id, "a"), 0)
	if err != nil || (c.Held == 0) != free {
		t.Errorf("lead %s: got %+v, error %v, want it free: %v", id, c, err, free)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within ten seconds", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
