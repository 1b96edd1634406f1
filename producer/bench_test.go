package producer_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/producer"
)

// BenchmarkPublish measures records of 1 KB from 64 callers that each wait for
// their acknowledgement, over 12 partitions.
func BenchmarkPublish(b *testing.B) {
	r := newFake(b, kfake.BlackholeProduce())
	if kafkatest.RealKafka != "" {
		r = newRig(b)
	}
	topic := r.Topic(b, 12)
	p := publisher(b, r, zap.NewNop())
	value := make([]byte, 1<<10)
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				record := producer.Record{
					Topic: topic, Partition: int(i % 12), Key: strconv.AppendInt(nil, i%1000, 10), Value: value,
				}
				if err := p.Publish(b.Context(), record); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
