package producer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/topics"
)

// numbered are records of about size bytes with their numbers as keys.
func numbered(n, size int) []producer.Record {
	records := make([]producer.Record, n)
	for i := range records {
		records[i] = producer.Record{Key: fmt.Appendf(nil, "%d", i), Value: noise(size)}
	}
	return records
}

func TestABatchIsPublishedInItsOrder(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 2)
	p := publisher(t, r, zaptest.NewLogger(t))
	if err := p.PublishBatch(within(t), topics.Partition{Topic: topic, Number: 1}, numbered(100, 100)); err != nil {
		t.Fatal(err)
	}
	read := r.Reader(t, topic, 1)
	for i := range 100 {
		if m := read(); string(m.Key) != fmt.Sprint(i) || len(m.Value) != 100 {
			t.Fatalf("record %d has the key %q and %d bytes", i, m.Key, len(m.Value))
		}
	}
}

func TestABatchThatIsTooLargeIsPublishedInParts(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 1, "max.message.bytes=4000")
	p := publisher(t, r, zaptest.NewLogger(t))
	records := make([]producer.Record, 20)
	for i := range records {
		records[i] = producer.Record{Key: fmt.Appendf(nil, "%d", i), Value: noise(1000 + i)[i:]}
	}
	if err := p.PublishBatch(within(t), topics.Partition{Topic: topic}, records); err != nil {
		t.Fatal(err)
	}
	read := r.Reader(t, topic, 0)
	for i := range records {
		if m := read(); string(m.Key) != fmt.Sprint(i) {
			t.Fatalf("record %d has the key %q", i, m.Key)
		}
	}
}

func TestABatchIsRetriedUntilItIsTaken(t *testing.T) {
	t.Parallel() // it waits until Stalled loses its patience
	r := newFake(t)
	topic := r.Topic(t, 1)
	log, lines := observer.New(zap.InfoLevel)
	p := publisher(t, r, zap.New(log))
	fault := r.Cluster.Fault(kfake.Fault{Keys: produce, Err: kerr.NotEnoughReplicas, Count: -1})
	published := make(chan error, 1)
	go func() { published <- p.PublishBatch(t.Context(), topics.Partition{Topic: topic}, numbered(10, 10)) }()
	waitFor(t, func() bool { return len(p.Stalled()) == 1 })
	if err := p.Ready(); err == nil || !strings.Contains(err.Error(), "fewer replicas are in sync") {
		t.Errorf("Ready says %v, want the cause", err)
	}
	fault.Remove()
	if err := await(t, published); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(); err != nil {
		t.Errorf("Ready after it: %v", err)
	}
	if got := messages(lines); !slices.Equal(got, []string{"cannot publish to Kafka; retrying", "publishing to Kafka again"}) {
		t.Errorf("log lines %q, want one for each change", got)
	}
}

func TestABatchThatIsGivenUpSaysWhy(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	p := publisher(t, r, zap.NewNop())
	fault := r.Cluster.Fault(kfake.Fault{Keys: produce, Err: kerr.NotEnoughReplicas, Count: -1})
	ctx, cancel := context.WithCancel(t.Context())
	published := make(chan error, 1)
	go func() { published <- p.PublishBatch(ctx, topics.Partition{Topic: topic}, numbered(1, 10)) }()
	if err := fault.Wait(within(t), 2); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := await(t, published); err == nil || !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "fewer replicas are in sync") {
		t.Errorf("the error is %v, want the cause", err)
	}
}
