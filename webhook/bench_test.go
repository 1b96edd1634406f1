package webhook_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// manyWebhooks is the size that seeds, lists and exports are measured at.
const manyWebhooks = 100_000

func seedFileOf(n int) []byte {
	var file strings.Builder
	file.WriteString(seedfile.Head)
	for i := range n {
		h := hook(fmt.Sprint("w-", i), fmt.Sprint("USA_", i/2))
		h.Authorization, h.Headers = "Bearer not-a-real-token", map[string]lead.Secret{"X-Tenant": lead.Secret(fmt.Sprint("t", i))}
		text, err := seedfile.Text(&h)
		if err != nil {
			panic(err)
		}
		file.WriteString(text)
	}
	return []byte(file.String())
}

// BenchmarkWebhooks measures what is done with 100,000 webhooks; LEADHOOK_TEST_REDIS
// names the Redis, which is emptied, else it is the one inside the test.
func BenchmarkWebhooks(b *testing.B) {
	rdb := redistest.New(b)
	store := webhook.NewStore(rdb, "leadhook")
	file := seedFileOf(manyWebhooks)
	var hooks []lead.Webhook
	seconds := func(b *testing.B) { b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s") }
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			read, err := seedfile.Parse(b.Context(), "seed.yaml", file, seedfile.Options{})
			if err != nil {
				b.Fatal(err)
			}
			if hooks, err = seedfile.Merge(seedfile.Options{}, read); err != nil {
				b.Fatal(err)
			}
		}
		seconds(b)
	})
	seed := func(b *testing.B, what webhook.Action) {
		changes, err := store.Seed(b.Context(), hooks, webhook.SeedOptions{})
		if err != nil || changes.Count(what) != manyWebhooks {
			b.Fatalf("got %d %s, error %v", changes.Count(what), what, err)
		}
	}
	b.Run("seed", func(b *testing.B) {
		for b.Loop() {
			if err := rdb.FlushDB(b.Context()).Err(); err != nil {
				b.Fatal(err)
			}
			seed(b, webhook.Added)
		}
		seconds(b)
	})
	b.Run("seed-unchanged", func(b *testing.B) {
		for b.Loop() {
			seed(b, webhook.Unchanged)
		}
		seconds(b)
	})
	for name, limit := range map[string]int{"first-page": 50, "export": manyWebhooks} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				n := 0
				for h, err := range store.All(b.Context(), "") {
					if err != nil {
						b.Fatal(err)
					}
					text, _ := seedfile.Text(h)
					_, _ = io.WriteString(io.Discard, text)
					if n++; n == limit {
						break
					}
				}
				if n != limit {
					b.Fatalf("got %d webhooks, want %d", n, limit)
				}
			}
			seconds(b)
		})
	}
}
