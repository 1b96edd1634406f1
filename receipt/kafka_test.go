package receipt_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/receipt"
)

// Through the publisher, and read by another client.
func TestReceiptsInKafka(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t)
	topic := k.Topic(t, 3)
	w, settled := writer(t, k, topic)
	const n = 300
	for offset := range int64(n) {
		r := ordinary()
		r.Place = receipt.Place{Topic: "leads", Partition: int(offset % 3), Offset: offset}
		if err := w.Write(t.Context(), r, settled.of(r.Place)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(kafkatest.Within(t)); err != nil || settled.count() != n {
		t.Fatalf("%d settled, %v", settled.count(), err)
	}
	for partition := range 3 {
		read := k.Reader(t, topic, partition)
		for offset := int64(partition); offset < n; offset += 3 {
			m := read()
			r, err := receipt.Parse(m.Value)
			if err != nil || string(m.Key) != "USA_332240" || r.Place.Offset != offset {
				t.Fatalf("got key %q and %s, %v, want the receipt of %d", m.Key, m.Value, err, offset)
			}
		}
	}
}

func TestReceiptsOutliveAnOutageOfKafka(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	topic := k.Topic(t, 1)
	w, settled := writer(t, k, topic)
	fault := k.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	r := ordinary()
	r.Place.Partition = 0
	if err := w.Write(t.Context(), r, settled.of(r.Place)); err != nil {
		t.Fatal(err)
	}
	if err := fault.Wait(kafkatest.Within(t), 2); err != nil {
		t.Fatal(err)
	}
	if settled.count() != 0 {
		t.Error("settled although the replicas do not have the receipt")
	}
	fault.Remove()
	kafkatest.WaitFor(t, func() bool { return settled.count() == 1 })
	if got, err := receipt.Parse(k.Reader(t, topic, 0)().Value); err != nil || got.Place != r.Place {
		t.Errorf("got %+v, %v", got, err)
	}
}

func writer(t *testing.T, k *kafkatest.Rig, topic string) (*receipt.Writer, *settling) {
	p := producer.NewPublisher(producer.Options{Brokers: k.Brokers, Transport: k.Transport}, nil, zap.NewNop())
	w := receipt.NewWriter(receipt.Options{Topic: topic, Instance: "leadhook-0"}, p, nil, zap.NewNop())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Error(fmt.Errorf("close: %w", err))
		}
		_ = p.Close()
	})
	return w, &settling{keys: map[receipt.Place]int{}}
}
