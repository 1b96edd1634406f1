package webhook_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/webhook/topic"
)

// TestSchedulesOnServers tries a few schedules in real time, on the real Kafka and Redis
// if there are any, and else on the embedded ones.
func TestSchedulesOnServers(t *testing.T) {
	k := kafkatest.New(t)
	opts := *redistest.New(t).(*redis.Client).Options()
	if os.Getenv("LEADHOOK_TEST_REDIS") != "" {
		opts.DB = 9 // others use the usual one meanwhile
	}
	for n := range *schedules/10 + 1 {
		seed := *firstSeed + uint64(n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			log := topic.New(k.Client, k.Topic(t, 1, "cleanup.policy=compact", "min.compaction.lag.ms=604800000"))
			defer func() { _ = log.Close() }()
			w := newWorld(t, seed, servers{topic: log, hurry: 4, client: func() *redis.Client {
				own := opts
				return redis.NewClient(&own)
			}})
			ctx, cancel := context.WithCancel(context.Background())
			w.ctx = ctx
			defer w.close(cancel)
			w.flush()
			w.run(20 + w.dice.below(60))
			all := w.records()
			whole := w.read(all, true)
			w.judge(whole)
			w.agree(whole, all)
		})
	}
}

// records reads the topic.
func (w *world) records() (all []topic.Record) {
	for from := int64(0); ; {
		chunk, err := w.topic.Fetch(w.ctx, from, 0, 4<<20)
		if err != nil {
			w.fail("reading the topic: %v", err)
		}
		all = append(all, chunk.Records...)
		if from = chunk.Next; from >= chunk.End {
			return all
		}
	}
}
