package receipt_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/receipt"
)

// An encoder stands for the brokers: it encodes each request as it is sent, and acknowledges
// it.
type encoder struct{ bytes atomic.Int64 }

func (e *encoder) RoundTrip(_ context.Context, _ net.Addr, request kafka.Request) (kafka.Response, error) {
	r := request.(*produce.Request)
	r.Prepare(8)
	if err := protocol.WriteRequest(e, 8, 1, "leadhook", r); err != nil {
		return nil, err
	}
	return &produce.Response{Topics: []produce.ResponseTopic{{
		Topic: r.Topics[0].Topic, Partitions: []produce.ResponsePartition{{Partition: r.Topics[0].Partitions[0].Partition}},
	}}}, nil
}

func (e *encoder) Write(b []byte) (int, error) {
	e.bytes.Add(int64(len(b)))
	return io.Discard.Write(b)
}

// BenchmarkWrite measures all that a receipt costs this process but for the network: writing
// it, its share of a batch, the compression and Kafka's protocol. Batches are as large as they
// are with 5,000 leads a second on 12 partitions.
func BenchmarkWrite(b *testing.B) {
	to := &encoder{}
	p := producer.NewPublisher(producer.Options{Brokers: []string{"127.0.0.1:1"}, Transport: to}, nil, zap.NewNop())
	defer p.Close()
	w := receipt.NewWriter(receipt.Options{Topic: "leads.receipts", Instance: "leadhook-0"}, p, nil, zap.NewNop())
	defer w.Close(b.Context())
	all := different(4096)
	var settled atomic.Int64
	b.ReportAllocs()
	n, before := 0, cpu()
	for b.Loop() {
		r := all[n%len(all)]
		r.Place.Partition, r.Place.Offset = n%12, int64(n)
		if err := w.Write(b.Context(), r, func() { settled.Add(1) }); err != nil {
			b.Fatal(err)
		}
		if n++; n%500 == 0 { // 100 ms
			if err := w.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.Flush(b.Context()); err != nil || settled.Load() != int64(n) {
		b.Fatalf("%d of %d settled: %v", settled.Load(), n, err)
	}
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(n), "cpu-ns/lead")
	b.ReportMetric(float64(to.bytes.Load())/float64(n), "sent-bytes/lead")
}

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// different are the receipts of ordinary leads of 100 advertisers.
func different(n int) []*receipt.Receipt {
	source := rand.NewChaCha8([32]byte{1})
	random := rand.New(source)
	bits := func(n int) []byte {
		b := make([]byte, n)
		_, _ = source.Read(b)
		return b
	}
	all := make([]*receipt.Receipt, n)
	for i := range all {
		r := ordinary()
		r.At = r.At.Add(time.Duration(i) * time.Millisecond)
		r.Published = r.At.Add(-time.Duration(random.IntN(400)) * time.Millisecond)
		advertiser := strconv.Itoa(332240 + random.IntN(100))
		r.Advertiser, r.Lead = "USA_"+advertiser, strconv.Itoa(480015503+random.IntN(1e6))
		r.Emails = []string{"2026a:" + base64.RawURLEncoding.EncodeToString(bits(16))}
		r.Phones = []string{"2026a:" + base64.RawURLEncoding.EncodeToString(bits(16))}
		d := &r.Deliveries[0]
		d.ID, d.Webhook, d.Host = "dlv_"+hex.EncodeToString(bits(16)), advertiser+"+1", "crm-"+advertiser[4:]+".example.com"
		d.Attempts[0].At, d.Attempts[0].Millis = r.Published.Add(30*time.Millisecond), int64(random.IntN(3000))
		all[i] = r
	}
	return all
}
