//go:build real

package fetch_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/internal/realstack"
)

func realKafka(t *testing.T) *kafkatest.Rig {
	t.Helper()
	if kafkatest.RealKafka != "" {
		return kafkatest.New(t)
	}
	k, err := realstack.StartKafka(t.Context(), realstack.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return kafkatest.Connect(t, nil, k.Addr())
}

// A producer publishes in transactions, several at once in the same partition.
type producer struct {
	t      *testing.T
	client *kgo.Client
}

func newProducer(t *testing.T, r *rig, codec kgo.CompressionCodec) *producer {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Brokers...), kgo.TransactionalID(kafkatest.TopicName()), kgo.DefaultProduceTopic(r.topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &producer{t, client}
}

func (p *producer) begin() {
	p.t.Helper()
	if err := p.client.BeginTransaction(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *producer) put(values ...string) {
	p.t.Helper()
	for _, v := range values {
		if err := p.client.ProduceSync(p.t.Context(), &kgo.Record{Value: []byte(v)}).FirstErr(); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *producer) end(how kgo.TransactionEndTry) {
	p.t.Helper()
	if err := p.client.EndTransaction(p.t.Context(), how); err != nil {
		p.t.Fatal(err)
	}
}

func TestTransactionsOnARealKafka(t *testing.T) {
	t.Parallel()
	k := realKafka(t)
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "zstd": kgo.ZstdCompression()} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, k, 1)
			one, other := newProducer(t, r, codec), newProducer(t, r, codec)
			var committed []string
			for i := range 5 {
				text := func(what string) string { return fmt.Sprint(what, i) }
				r.Produce(t, r.topic, 0, batchOf(0, text("plain")))
				one.begin()
				one.put(text("aborted"))
				other.begin()
				other.put(text("committed"))
				one.put(text("aborted too"))
				r.Produce(t, r.topic, 0, batchOf(4, text("among")))
				one.end(kgo.TryAbort)
				other.put(text("committed too"))
				one.begin()
				one.put(text("after the abort"))
				other.end(kgo.TryCommit)
				one.end(kgo.TryCommit)
				for _, what := range []string{"plain", "committed", "among", "committed too", "after the abort"} {
					committed = append(committed, text(what))
				}
			}
			r.start()
			p := r.f.Partition(r.topic, 0, 0)
			want(t, values(t, p, len(committed)), committed)
			// Everything up to the end is accounted for, marks included.
			for {
				head, err := p.Peek(kafkatest.Within(t))
				if err != nil || !head.Empty {
					t.Fatalf("got %+v, error %v; want only marks", head, err)
				}
				p.Pass()
				if head.Offset == r.End(t, r.topic, 0)-1 {
					break
				}
			}
			// From within a transaction on, the same.
			for from := int64(0); from < r.End(t, r.topic, 0)-3; from += 3 { // the last are marks, and the record before them
				r.start()
				m := take(t, r.f.Partition(r.topic, 0, from))
				if m.Offset < from || !slices.Contains(committed, string(m.Value)) {
					t.Errorf("from offset %d: got %q at %d", from, m.Value, m.Offset)
				}
			}
		})
	}
}

func TestTheBrokersTimeOnARealKafka(t *testing.T) {
	t.Parallel()
	r := newRig(t, realKafka(t), 1, "message.timestamp.type=LogAppendTime")
	began := time.Now().Add(-time.Second)
	for _, attributes := range []int16{0, 1, 2, 3, 4} {
		r.Produce(t, r.topic, 0, kafkatest.Batch{Last: 1, Attributes: attributes, ProducerID: -1, FirstTime: 1_000, MaxTime: 9_000, Records: []kafkatest.BatchRecord{
			{Value: []byte("a")}, {Offset: 1, TimeDelta: 8_000, Value: []byte("b")}}}.Bytes())
	}
	r.start()
	p := r.f.Partition(r.topic, 0, 0)
	for range 10 {
		if m := take(t, p); m.Time.Before(began) || m.Time.After(time.Now().Add(time.Second)) {
			t.Errorf("offset %d has the time %v, want the broker's", m.Offset, m.Time)
		}
	}
}

func TestCodecsAndBombsOnARealKafka(t *testing.T) {
	t.Parallel()
	r := newRig(t, realKafka(t), 1)
	offset := int64(0)
	for _, attributes := range []int16{0, 1, 2, 3, 4} {
		records := []kafkatest.BatchRecord{
			{Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{{Key: "h", Value: []byte("x")}}}, {Offset: 1, TimeDelta: 5}, {Offset: 2}}
		if attributes == 1 || attributes == 4 {
			records[1].Zeros = 100 << 20
		}
		r.Produce(t, r.topic, 0, kafkatest.Batch{Last: 2, Attributes: attributes, ProducerID: -1, FirstTime: 1_000, MaxTime: 1_005, Records: records}.Bytes())
	}
	r.start()
	p := r.f.Partition(r.topic, 0, 0)
	for _, bomb := range []bool{false, true, false, false, true} {
		first, second, third := take(t, p), take(t, p), take(t, p)
		if first.Offset != offset || string(first.Key)+string(first.Value)+first.Header("h") != "kvx" || third.Offset != offset+2 {
			t.Errorf("got %+v and %+v at %d", first, third, offset)
		}
		if bomb != (second.Omitted > 100<<20) || !second.Time.Equal(time.UnixMilli(1_005)) {
			t.Errorf("got %+v at %d", second, offset)
		}
		offset += 3
	}
}
