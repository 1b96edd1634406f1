//go:build real

package consumer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/lead"
)

// TestABrokerMayCloseTheConnectionOfWhoeverWaits has a broker that closes idle
// connections sooner than the head of a partition is due, which ten minutes,
// Kafka's default, is for most retry topics.
func TestABrokerMayCloseTheConnectionOfWhoeverWaits(t *testing.T) {
	t.Parallel() // it takes its time
	k, err := realstack.StartKafka(t.Context(), realstack.KafkaOptions{
		Config: map[string]string{"connections.max.idle.ms": "2000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	const delay, messages = 7 * time.Second, 300
	r := connect(t, &rig{t: t, addr: k.Addr(), partitions: 2})
	waiting := r.beside(".retry.7s")
	var early, late atomic.Int64
	seen := newTally()
	_, stop := r.start(r.waits(delay, waiting), handler(func(ctx context.Context, m *lead.Message) error {
		switch age := time.Since(m.Time); {
		case age < delay:
			early.Add(1)
		case age > delay+5*time.Second:
			late.Add(1)
		}
		return seen.Handle(ctx, m, nil)
	}))
	for n := 0; n < messages; n += messages / 3 {
		waiting.put(n, messages/3)
		time.Sleep(3 * time.Second) // three batches, due one after the other
	}
	r.until("all are committed", func() bool { return waiting.committed() == messages })
	stop()
	if got := seen.different(); got != messages || seen.twice() != 0 || early.Load() != 0 || late.Load() != 0 {
		t.Errorf("of %d messages %d were handled, %d twice, %d early, %d late", messages, got, seen.twice(), early.Load(), late.Load())
	}
}
