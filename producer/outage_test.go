package producer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/producer"
)

var produce = []kmsg.Key{kmsg.Produce}

func TestTopicMissingAndThenMade(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 1) + ".dlq"
	log, lines := observer.New(zap.InfoLevel)
	p := publisher(t, r, zap.New(log))
	d := producer.NewDeadLetters(p, topic)
	letter := aLetter()
	letter.Message.Partition = 0
	buried := make(chan error, 1)
	go func() { buried <- d.Bury(t.Context(), letter) }()
	waitFor(t, func() bool { return lines.Len() > 0 })
	r.Create(t, topic, 1)
	if err := await(t, buried); err != nil {
		t.Fatal(err)
	}
	record := r.Reader(t, topic, 0)()
	if got := record.Header("leadhook.reason"); got != "exhausted" {
		t.Errorf("the dead letter's reason is %q", got)
	}
	if got := messages(lines); !slices.Equal(got, []string{"cannot publish to Kafka; retrying", "publishing to Kafka again"}) {
		t.Errorf("log lines %q, want one for each change", got)
	}
	if cause := lines.All()[0].ContextMap()["error"]; !strings.Contains(fmt.Sprint(cause), topic+" does not exist") {
		t.Errorf("logged cause %q does not name the missing topic", cause)
	}
}

func TestTooFewPartitionsStall(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 2)
	log, lines := observer.New(zap.InfoLevel)
	p := publisher(t, r, zap.New(log))
	ctx, cancel := context.WithCancelCause(t.Context())
	letter := aLetter() // of partition 2
	buried := make(chan error, 1)
	go func() { buried <- producer.NewDeadLetters(p, topic).Bury(ctx, letter) }()
	waitFor(t, func() bool { return lines.Len() > 0 })
	if cause := fmt.Sprint(lines.All()[0].ContextMap()["error"]); !strings.Contains(cause, "has no partition 2") {
		t.Errorf("logged cause %q does not name the partition", cause)
	}
	revoked := errors.New("partition revoked")
	cancel(revoked)
	if err := await(t, buried); !errors.Is(err, revoked) {
		t.Errorf("Bury returned %v, want the cause %v", err, revoked)
	}
	if end := r.End(t, topic, 0) + r.End(t, topic, 1); end != 0 {
		t.Errorf("%d records are in other partitions, want none", end)
	}
}

func TestNotEnoughReplicas(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	log, lines := observer.New(zap.InfoLevel)
	p := publisher(t, r, zap.New(log))
	fault := r.Cluster.Fault(kfake.Fault{Keys: produce, Err: kerr.NotEnoughReplicas, Count: -1})
	published := publishing(t.Context(), p, producer.Record{Topic: topic})
	if err := fault.Wait(within(t), 3); err != nil {
		t.Fatalf("it was not tried three times: %v", err)
	}
	fault.Remove()
	if err := await(t, published); err != nil {
		t.Fatal(err)
	}
	if got := messages(lines); !slices.Equal(got, []string{"cannot publish to Kafka; retrying", "publishing to Kafka again"}) {
		t.Errorf("log lines %q, want one for each change", got)
	}
}

func TestLostAcknowledgementPublishesTwice(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	p := publisher(t, r, zaptest.NewLogger(t))
	r.Cluster.Fault(kfake.Fault{Keys: produce, Err: kerr.RequestTimedOut})
	if err := p.Publish(within(t), producer.Record{Topic: topic, Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	if end := r.End(t, topic, 0); end != 2 {
		t.Errorf("the topic has %d records, want 2: the one whose acknowledgement was lost, and it again", end)
	}
}

// What nobody waits for is not sent any more, so that a partition that went to
// another instance gets as few doubles as can be.
func TestGivenUpRecordsAreNotPublishedLater(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	p := publisher(t, r, zaptest.NewLogger(t))
	fault := r.Cluster.Fault(kfake.Fault{Keys: produce, Err: kerr.NotEnoughReplicas, Count: -1})
	ctx, cancel := context.WithCancel(t.Context())
	published := publishing(ctx, p, producer.Record{Topic: topic, Value: []byte("given up")})
	if err := fault.Wait(within(t), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := await(t, published); !errors.Is(err, context.Canceled) {
		t.Fatalf("Publish returned %v, want %v", err, context.Canceled)
	}
	fault.Remove()
	if err := p.Publish(within(t), producer.Record{Topic: topic, Value: []byte("wanted")}); err != nil {
		t.Fatal(err)
	}
	if got := r.Reader(t, topic, 0)(); string(got.Value) != "wanted" {
		t.Errorf("the first record is %q, want only the one that is waited for", got.Value)
	}
}

// An hour without Kafka, at start, in virtual time.
func TestBrokerAwayAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		transport := &kafka.Transport{Dial: network.DialContext}
		defer transport.CloseIdleConnections()
		log, lines := observer.New(zap.InfoLevel)
		p := producer.NewPublisher(producer.Options{Brokers: []string{"127.0.0.1:9092"}, Transport: transport}, nil, zap.New(log))
		defer p.Close()
		var results []<-chan error
		for partition := range 5 {
			results = append(results, publishing(t.Context(), p, producer.Record{Topic: "leads.dlq", Partition: partition}))
		}
		time.Sleep(time.Second)
		if err := p.Ready(); err != nil {
			t.Errorf("Ready after a second: %v, want patience", err)
		}
		time.Sleep(time.Hour)
		if err := p.Ready(); err == nil || !strings.Contains(err.Error(), "127.0.0.1:9092") {
			t.Errorf("Ready after an hour: %v, want one that names the broker", err)
		}
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.SeedTopics(5, "leads.dlq"),
			kfake.ListenFn(network.Listen))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		begin := time.Now()
		for _, result := range results {
			if err := <-result; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begin); took > 15*time.Second {
			t.Errorf("it took %v from the broker's return, want some seconds", took)
		}
		if err := p.Ready(); err != nil {
			t.Errorf("Ready after all: %v", err)
		}
		if n := lines.Len(); n < 55 || n > 62 {
			t.Errorf("%d log lines, want one at the beginning, one each minute and one at the end", n)
		}
		if got := slices.Compact(messages(lines)); !slices.Equal(got, []string{"cannot publish to Kafka; retrying", "publishing to Kafka again"}) {
			t.Errorf("log lines %q, want one for each change, however many partitions wait", got)
		}
	})
}

// A broker that accepts requests and never answers.
func TestBrokerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.SeedTopics(1, "leads.dlq"),
			kfake.ListenFn(network.Listen))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		transport := &kafka.Transport{Dial: network.DialContext}
		defer transport.CloseIdleConnections()
		p := producer.NewPublisher(producer.Options{Brokers: []string{"127.0.0.1:9092"}, Transport: transport}, nil, zap.NewNop())
		defer p.Close()
		cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			return nil, nil, true // no response, the connection stays
		})
		result := publishing(t.Context(), p, producer.Record{Topic: "leads.dlq"})
		time.Sleep(10*time.Second + 50*time.Millisecond)
		if err := p.Ready(); err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("Ready while the broker hangs: %v, want that it does not answer", err)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// Everything that stands still is named, also when nobody waits for it any longer.
func TestStalledPartitionsAreListed(t *testing.T) {
	t.Parallel() // it waits until Stalled loses its patience
	r := newFake(t)
	topic := r.Topic(t, 3)
	registry := prometheus.NewRegistry()
	p := producer.NewPublisher(producer.Options{Brokers: r.Brokers, Transport: r.Transport}, registry, zap.NewNop())
	defer p.Close()
	fault := r.Cluster.Fault(kfake.Fault{Keys: produce, Topic: topic, Partitions: []int32{0, 2}, Err: kerr.NotEnoughReplicas, Count: -1})
	var given sync.WaitGroup
	for partition := range 3 {
		given.Go(func() { _ = p.Offer(t.Context(), producer.Record{Topic: topic, Partition: partition}) })
	}
	waitFor(t, func() bool { return len(p.Stalled()) == 2 })
	given.Wait()
	all := strings.Join(p.Stalled(), "\n")
	for _, want := range []string{topic + ", partition 0 since ", topic + ", partition 2 since ", "fewer replicas are in sync"} {
		if !strings.Contains(all, want) {
			t.Errorf("Stalled lists\n%s\nwant %q in it", all, want)
		}
	}
	if n, err := testutil.GatherAndCount(registry, "leadhook_publish_stalled_seconds"); n != 2 || err != nil {
		t.Errorf("%d metrics of stalled partitions, %v, want 2", n, err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	fault.Remove()
	for partition := range 3 {
		// A request that was under way when the fault ended may turn the next record away.
		waitFor(t, func() bool { return p.Offer(within(t), producer.Record{Topic: topic, Partition: partition}) == nil })
	}
	if left := p.Stalled(); len(left) != 0 {
		t.Errorf("Stalled lists %q when all take records again", left)
	}
}

func TestAPartitionThatRecordsHaveLeftIsReadyAgainWithoutAnother(t *testing.T) {
	for _, failure := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.NotEnoughReplicas} {
		t.Run(failure.Message, func(t *testing.T) {
			t.Parallel() // it waits for seconds
			r := newFake(t)
			topic := r.Topic(t, 1)
			p := publisher(t, r, zap.NewNop())
			fault := r.Cluster.Fault(kfake.Fault{Keys: produce, Topic: topic, Partitions: []int32{0}, Err: failure, Count: -1})
			if err := p.Offer(within(t), producer.Record{Topic: topic}); !errors.Is(err, lead.ErrAway) {
				t.Fatalf("the error is %v, want that the partition is away", err)
			}
			if p.Ready() == nil {
				t.Error("ready although a record had to leave")
			}
			fault.Remove()
			waitFor(t, func() bool { return p.Ready() == nil && len(p.Stalled()) == 0 })
		})
	}
}

func messages(lines *observer.ObservedLogs) []string {
	var all []string
	for _, l := range lines.All() {
		all = append(all, l.Message)
	}
	return all
}
