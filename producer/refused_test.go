package producer_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/producer"
)

// TestARecordThatAPolicyRefusesStallsItselfAlone has a broker refuse each batch with a
// certain record in it.
func TestARecordThatAPolicyRefusesStallsItselfAlone(t *testing.T) {
	t.Parallel() // it waits until Ready loses its patience
	r := newFake(t)
	topic := r.Topic(t, 1)
	p := publisher(t, r, zap.NewNop())
	fault := r.Cluster.Fault(kfake.Fault{Keys: produce, Topic: topic, Err: kerr.PolicyViolation, Count: -1, When: func(req kmsg.Request) bool {
		return bytes.Contains(req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records, []byte("culprit"))
	}})
	var results []<-chan error
	for n := range 200 {
		value := fmt.Appendf(nil, "%d", n)
		if n%50 == 7 {
			value = []byte("culprit")
		}
		results = append(results, publishing(t.Context(), p, producer.Record{Topic: topic, Value: value}))
	}
	for n, result := range results {
		if n%50 == 7 {
			continue
		}
		if err := await(t, result); err != nil {
			t.Errorf("record %d beside the refused ones: %v", n, err)
		}
	}
	waitFor(t, func() bool { return p.Ready() != nil })
	if err := p.Ready(); !strings.Contains(err.Error(), "does not accept the record as it is") {
		t.Errorf("Ready says %q, want that a record is refused", err)
	}
	fault.Remove()
	for n := 7; n < len(results); n += 50 {
		if err := await(t, results[n]); err != nil {
			t.Errorf("refused record %d, accepted in the end: %v", n, err)
		}
	}
	if end := r.End(t, topic, 0); end != 200 {
		t.Errorf("the topic has %d records, want each of 200 once", end)
	}
}

// TestALeaderThatMovedIsFoundAtOnce uses a transport that asks every hour by itself.
func TestALeaderThatMovedIsFoundAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094), kfake.SeedTopics(4, "leads.dlq"),
			kfake.ListenFn(network.Listen))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		transport := &kafka.Transport{Dial: network.DialContext, MetadataTTL: time.Hour}
		defer transport.CloseIdleConnections()
		p := producer.NewPublisher(producer.Options{Brokers: []string{"127.0.0.1:9092"}, Transport: transport}, nil, zap.NewNop())
		defer p.Close()
		for round := range 4 {
			began := time.Now()
			var published sync.WaitGroup
			for partition := range 4 {
				published.Go(func() {
					if err := p.Publish(t.Context(), producer.Record{Topic: "leads.dlq", Partition: partition}); err != nil {
						t.Error(err)
					}
				})
			}
			published.Wait()
			if took := time.Since(began); took > time.Second {
				t.Errorf("after move %d it took %v, want less than a second", round, took)
			}
			for partition := range int32(4) {
				if err := cluster.MoveTopicPartition("leads.dlq", partition, (partition+int32(round)+1)%3); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
