package consumer_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/consumer"
	"github.com/leadhook/leadhook/lead"
)

// BenchmarkConsume is the whole way of a message of 1 KB through Run, with a
// handler that returns at once. The embedded broker's CPU counts as ours: set
// LEADHOOK_TEST_KAFKA for figures of the consumer alone.
func BenchmarkConsume(b *testing.B) {
	const messages = 20_000
	r := newRig(b, 4)
	r.fill(messages)
	began, cpu := time.Now(), processorTime(b)
	rounds := 0
	for ; b.Loop(); rounds++ {
		r.group = fmt.Sprintf("%s-%d", r.topic, rounds)
		r.consume(messages)
	}
	handled := float64(rounds * messages)
	b.ReportMetric(handled/time.Since(began).Seconds(), "messages/s")
	b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/handled, "cpu-µs/message")
}

// fill publishes messages of 1 KB.
func (r *rig) fill(n int) {
	w := &kafka.Writer{Addr: kafka.TCP(r.addr), Transport: r.client.Transport, Topic: r.topic,
		RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchSize: 500, Balancer: &kafka.RoundRobin{}}
	defer w.Close()
	value := make([]byte, 1024)
	batch := make([]kafka.Message, n)
	for i := range batch {
		batch[i].Value = value
	}
	if err := w.WriteMessages(r.t.Context(), batch...); err != nil {
		r.t.Fatal(err)
	}
}

// consume runs a consumer until n messages were handled.
func (r *rig) consume(n int64) {
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	var handled atomic.Int64
	c := consumer.New(r.options(), handler(func(context.Context, *lead.Message) error {
		if handled.Add(1) == n {
			cancel()
		}
		return nil
	}), prometheus.NewRegistry(), zap.NewNop())
	if err := c.Run(ctx); err != nil {
		r.t.Fatal(err)
	}
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
