// Package kafkatest gives the tests of packages that speak with Kafka a broker,
// and the means to make topics and to look into them with a client that is not
// under test. It knows nothing of leadhook's own topics.
package kafkatest

import (
	"cmp"
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/leadhook/leadhook/lead"
)

// RealKafka names a broker of a real Kafka (host:port) to run the tests
// against. They make topics of their own and leave them.
var RealKafka = os.Getenv("LEADHOOK_TEST_KAFKA")

// A Rig is a Kafka and the means to reach it.
type Rig struct {
	Brokers   []string
	Transport *kafka.Transport
	Client    *kafka.Client
	Cluster   *kfake.Cluster // nil on a real Kafka
}

// New connects to the real Kafka if there is one, and else to a fake of its own.
func New(t testing.TB) *Rig {
	t.Helper()
	if RealKafka != "" {
		return Connect(t, nil, strings.Split(RealKafka, ",")...)
	}
	return NewFake(t)
}

// NewFake is for what only the fake can do: faults, and records with gaps.
func NewFake(t testing.TB, opts ...kfake.Opt) *Rig {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return Connect(t, cluster, cluster.ListenAddrs()...)
}

// Connect connects to brokers, which need not be there.
func Connect(t testing.TB, cluster *kfake.Cluster, brokers ...string) *Rig {
	transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	return &Rig{
		Brokers:   brokers,
		Transport: transport,
		Client:    &kafka.Client{Addr: kafka.TCP(brokers...), Transport: transport, Timeout: 10 * time.Second},
		Cluster:   cluster,
	}
}

// Topic makes a topic with a name of its own. Settings are name=value.
func (r *Rig) Topic(t testing.TB, partitions int, settings ...string) string {
	t.Helper()
	name := TopicName()
	r.Create(t, name, partitions, settings...)
	return name
}

// TopicName is a name that no other test has.
func TopicName() string { return "leads-" + strings.ToLower(rand.Text()[:10]) }

// Create makes a topic, and waits until each partition can be used.
func (r *Rig) Create(t testing.TB, name string, partitions int, settings ...string) {
	t.Helper()
	config := kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		config.ConfigEntries = append(config.ConfigEntries, kafka.ConfigEntry{ConfigName: key, ConfigValue: value})
	}
	res, err := r.Client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{config}})
	if err := cmp.Or(err, res.Errors[name]); err != nil {
		t.Fatalf("creating %s: %v", name, err)
	}
	for p := range partitions { // a real Kafka says that it is created before it is
		WaitFor(t, func() bool { _, err := r.Offset(t, name, p); return err == nil })
	}
}

// Set changes one setting of a topic, and waits until the broker knows it.
func (r *Rig) Set(t testing.TB, topic, key, value string) {
	t.Helper()
	res, err := r.Client.IncrementalAlterConfigs(t.Context(), &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic,
			ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{
				Name: key, Value: value, ConfigOperation: kafka.ConfigOperationSet,
			}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Resources[0].Error; err != nil {
		t.Fatal(err)
	}
	WaitFor(t, func() bool { return r.Settings(t, topic)[key] == value }) // a real Kafka answers sooner
}

// Settings are the effective settings of a topic.
func (r *Rig) Settings(t testing.TB, topic string) map[string]string {
	t.Helper()
	res, err := r.Client.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range res.Resources[0].ConfigEntries {
		all[e.ConfigName] = e.ConfigValue
	}
	return all
}

// Reader returns a function that reads the next record of a partition, with
// another client than the one under test.
func (r *Rig) Reader(t testing.TB, topic string, partition int) func() lead.Message {
	t.Helper()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: r.Brokers, Topic: topic, Partition: partition,
		MinBytes: 1, MaxBytes: 16 << 20, MaxWait: 100 * time.Millisecond,
	})
	t.Cleanup(func() { _ = reader.Close() })
	return func() lead.Message {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("reading %s/%d: %v", topic, partition, err)
		}
		got := lead.Message{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value, Time: m.Time}
		for _, h := range m.Headers {
			got.Headers = append(got.Headers, lead.Header(h))
		}
		return got
	}
}

// End is the offset behind a partition's last record.
func (r *Rig) End(t testing.TB, topic string, partition int) int64 {
	t.Helper()
	offset, err := r.Offset(t, topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

// Offset returns the offset behind a partition's last record.
func (r *Rig) Offset(t testing.TB, topic string, partition int) (int64, error) {
	t.Helper()
	res, err := r.Client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}},
	})
	if err != nil {
		return 0, err
	}
	return res.Topics[topic][0].LastOffset, res.Topics[topic][0].Error
}

// Within is the time after which a test gives up on what should happen soon.
func Within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// WaitFor polls what nothing announces.
func WaitFor(t testing.TB, condition func() bool) {
	t.Helper()
	for ctx := Within(t); !condition(); {
		select {
		case <-ctx.Done():
			t.Fatal("it did not happen in time")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
