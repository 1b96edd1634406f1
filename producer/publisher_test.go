package producer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/producer"
)

// publishing calls Publish and returns where its result will be.
func publishing(ctx context.Context, p *producer.Publisher, r producer.Record) <-chan error {
	result := make(chan error, 1)
	go func() { result <- p.Publish(ctx, r) }()
	return result
}

// await is the result of what should come soon.
func await(t *testing.T, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-within(t).Done():
		t.Fatal("Publish has not returned")
		return nil
	}
}

func TestPublishAsManyAtOnce(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 4)
	p := publisher(t, r, zaptest.NewLogger(t))
	const callers, each = 64, 25
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				record := producer.Record{Topic: topic, Partition: c % 4, Value: fmt.Appendf(nil, "%d/%d", c, i)}
				if err := p.Publish(t.Context(), record); err != nil {
					t.Errorf("record %s: %v", record.Value, err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for partition := range 4 {
		next := r.Reader(t, topic, partition)
		for range callers / 4 * each {
			m := next()
			seen[string(m.Value)]++
		}
		if got := r.End(t, topic, partition); got != callers/4*each {
			t.Errorf("partition %d ends at %d, want %d", partition, got, callers/4*each)
		}
	}
	if len(seen) != callers*each {
		t.Errorf("%d different records arrived, want %d", len(seen), callers*each)
	}
}

// The hashes are those of the Java client's own tests of its murmur2.
func TestKeyChoosesThePartitionThatJavaChooses(t *testing.T) {
	r := newRig(t)
	const partitions = 7
	topic := r.Topic(t, partitions)
	p := publisher(t, r, zaptest.NewLogger(t))
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "abc": 479470107,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	} {
		want := int(hash&0x7fffffff) % partitions
		before := r.End(t, topic, want)
		if err := p.Publish(within(t), producer.Record{Topic: topic, Partition: -1, Key: []byte(key)}); err != nil {
			t.Fatal(err)
		}
		if got := r.End(t, topic, want) - before; got != 1 {
			t.Errorf("key %q: partition %d has %d new records, want 1", key, want, got)
		}
	}
}

func TestAllAcknowledgementsAreRequired(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	acks := make(chan int16, 1)
	r.Cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		acks <- req.(*kmsg.ProduceRequest).Acks
		return nil, nil, false
	})
	if err := publisher(t, r, zaptest.NewLogger(t)).Publish(within(t), producer.Record{Topic: topic}); err != nil {
		t.Fatal(err)
	}
	if got := <-acks; got != -1 {
		t.Errorf("asked for %d acknowledgements, want -1 (all in-sync replicas)", got)
	}
}

func TestPublishAllTellsWhichWerePublished(t *testing.T) {
	r := newRig(t)
	fine := r.Topic(t, 2)
	p := publisher(t, r, zaptest.NewLogger(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	errs := p.PublishAll(ctx, []producer.Record{
		{Topic: fine, Partition: -1, Key: []byte("a")},
		{Topic: fine + "-missing", Partition: -1},
		{Topic: fine, Partition: 1},
	})
	if errs[0] != nil || errs[2] != nil {
		t.Errorf("sound records: %v, %v", errs[0], errs[2])
	}
	if errs[1] == nil || !strings.Contains(errs[1].Error(), fine+"-missing does not exist") {
		t.Errorf("the record for a missing topic: %v, want that it does not exist", errs[1])
	}
}

func TestPublishAllDoesNotRepeatWhatIsRefused(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 1, "max.message.bytes=1000")
	ctx := within(t)
	errs := publisher(t, r, zaptest.NewLogger(t)).PublishAll(ctx, []producer.Record{
		{Topic: topic, Value: noise(5000)},
		{Topic: topic, Value: noise(500)},
	})
	if !errors.Is(errs[0], kafka.MessageSizeTooLarge) || errs[1] != nil {
		t.Errorf("errors %v, want %v for the first alone", errs, kafka.MessageSizeTooLarge)
	}
	if ctx.Err() != nil {
		t.Error("it was tried until the deadline")
	}
}

func TestPublishAllSaysWhichBrokersDidNotAnswer(t *testing.T) {
	p := publisher(t, connect(t, "127.0.0.1:1"), zaptest.NewLogger(t))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := p.PublishAll(ctx, []producer.Record{{Topic: "leads", Partition: -1}})[0]
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("error %v, want one that names 127.0.0.1:1", err)
	}
}

func TestClose(t *testing.T) {
	log, lines := observer.New(zap.InfoLevel)
	p := publisher(t, connect(t, "127.0.0.1:1"), zap.New(log))
	result := publishing(t.Context(), p, producer.Record{Topic: "leads"})
	waitFor(t, func() bool { return lines.Len() > 0 })
	begin := time.Now()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("Close took %v while Kafka was away", took)
	}
	if err := await(t, result); err == nil {
		t.Error("Publish returned nil, although nothing was acknowledged")
	}
	if err := await(t, publishing(t.Context(), p, producer.Record{Topic: "leads"})); err == nil {
		t.Error("Publish after Close returned nil")
	}
}

func TestMetrics(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 3)
	registry := prometheus.NewRegistry()
	p := producer.NewPublisher(producer.Options{Brokers: r.Brokers, Transport: r.Transport}, registry, zap.NewNop())
	defer p.Close()
	r.Cluster.Fault(kfake.Fault{Keys: produce, Err: kerr.NotEnoughReplicas})
	if err := producer.NewDeadLetters(p, topic).Bury(within(t), aLetter()); err != nil {
		t.Fatal(err)
	}
	want := `
		# HELP leadhook_dead_letters_total Dead letters that Kafka has acknowledged, by reason.
		# TYPE leadhook_dead_letters_total counter
		leadhook_dead_letters_total{reason="exhausted"} 1
		# HELP leadhook_publish_failures_total Requests to publish records that failed and are retried, by topic.
		# TYPE leadhook_publish_failures_total counter
		leadhook_publish_failures_total{topic="TOPIC"} 1
		# HELP leadhook_publish_records_total Records that Kafka has acknowledged, by topic.
		# TYPE leadhook_publish_records_total counter
		leadhook_publish_records_total{topic="TOPIC"} 1
		# HELP leadhook_publish_waiting_records Records that Kafka has not acknowledged yet.
		# TYPE leadhook_publish_waiting_records gauge
		leadhook_publish_waiting_records 0
	`
	err := testutil.GatherAndCompare(registry, strings.NewReader(strings.ReplaceAll(want, "TOPIC", topic)),
		"leadhook_dead_letters_total", "leadhook_publish_failures_total", "leadhook_publish_records_total",
		"leadhook_publish_waiting_records")
	if err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
