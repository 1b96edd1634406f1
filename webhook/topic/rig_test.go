package topic_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/webhook/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var within = kafkatest.Within

// A rig is a Kafka and a topic in it.
type rig struct {
	k *kafkatest.Rig
	*topic.Topic
	name string
}

func newRig(t testing.TB) *rig { return on(t, kafkatest.New(t)) }

func newFake(t testing.TB, settings []string, opts ...kfake.Opt) *rig {
	return on(t, kafkatest.NewFake(t, opts...), settings...)
}

// on makes a topic, and a Topic that asks for the metadata once an hour by itself.
func on(t testing.TB, k *kafkatest.Rig, settings ...string) *rig {
	t.Helper()
	r := &rig{k: k, name: k.Topic(t, 1, append([]string{"cleanup.policy=compact"}, settings...)...)}
	r.Topic = open(t, r.name, 10*time.Second, r.k.Brokers...)
	return r
}

func open(t testing.TB, name string, timeout time.Duration, brokers ...string) *topic.Topic {
	tp := topic.New(&kafka.Client{
		Addr: kafka.TCP(brokers...), Timeout: timeout, Transport: &kafka.Transport{MetadataTTL: time.Hour},
	}, name)
	t.Cleanup(func() { _ = tp.Close() })
	return tp
}

// append appends records given as key=value; without = it is a tombstone.
func (r *rig) append(t testing.TB, records ...string) {
	t.Helper()
	var all []topic.Record
	for _, text := range records {
		key, value, some := strings.Cut(text, "=")
		record := topic.Record{Key: key}
		if some {
			record.Value = []byte(value)
		}
		all = append(all, record)
	}
	if err := r.Append(within(t), all); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) fetch(t testing.TB, from int64, wait time.Duration, maxBytes int) topic.Chunk {
	t.Helper()
	c, err := r.Fetch(within(t), from, wait, maxBytes)
	if err != nil {
		t.Fatalf("fetching from %d: %v", from, err)
	}
	return c
}

func (r *rig) end(t testing.TB) int64 {
	t.Helper()
	end, err := r.End(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// walk reads the log from an offset to its end, and returns its records as texts.
func (r *rig) walk(t testing.TB, from int64, maxBytes int) []string {
	t.Helper()
	var all []string
	for end := r.end(t); from < end; {
		c := r.fetch(t, from, 0, maxBytes)
		if c.Next <= from {
			t.Fatalf("no way on from %d to %d: %+v", from, end, c)
		}
		for _, record := range c.Records {
			if record.Offset < from || record.Offset >= c.Next {
				t.Errorf("record %d in a fetch from %d to %d", record.Offset, from, c.Next)
			}
			all = append(all, text(record))
		}
		from = c.Next
	}
	return all
}

func text(r topic.Record) string {
	if r.Value == nil {
		return fmt.Sprintf("%d %s", r.Offset, r.Key)
	}
	return fmt.Sprintf("%d %s=%s", r.Offset, r.Key, r.Value)
}

// until polls what a Kafka does in its own time.
func until(t testing.TB, ask func(context.Context) error) {
	t.Helper()
	var err error
	defer func() {
		if t.Failed() {
			t.Log("the last answer:", err)
		}
	}()
	kafkatest.WaitFor(t, func() bool { err = ask(t.Context()); return err == nil })
}

// deleteRecords asks the broker by kmsg, since kafka-go has no such request.
func deleteRecords(t testing.TB, brokers []string, name string, offset int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10_000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: name, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: offset}}}}
	res, err := req.RequestWith(t.Context(), client)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// inTransaction appends a record in a transaction, which ends with a marker behind it.
func inTransaction(t testing.TB, r *rig, text string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.k.Brokers...), kgo.TransactionalID(r.name), kgo.DefaultProduceTopic(r.name))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	key, value, _ := strings.Cut(text, "=")
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produced := client.ProduceSync(within(t), &kgo.Record{Key: []byte(key), Value: []byte(value)}).FirstErr()
	if err := errors.Join(produced, client.EndTransaction(within(t), kgo.TryCommit)); err != nil {
		t.Fatal(err)
	}
}
