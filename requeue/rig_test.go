package requeue_test

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
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/requeue"
)

// realKafka names a broker of a real Kafka (host:port) to run the tests
// against. They make topics of their own and leave them.
var realKafka = os.Getenv("LEADHOOK_TEST_KAFKA")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a Kafka and the means to reach it.
type rig struct {
	brokers   []string
	transport *kafka.Transport
	client    *kafka.Client
	cluster   *kfake.Cluster // nil on a real Kafka
}

func newRig(t testing.TB) *rig {
	t.Helper()
	if realKafka != "" {
		return connect(t, nil, strings.Split(realKafka, ",")...)
	}
	return newFake(t)
}

// newFake is for what only the fake can do: faults, and records with gaps.
func newFake(t testing.TB, opts ...kfake.Opt) *rig {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return connect(t, cluster, cluster.ListenAddrs()...)
}

func connect(t testing.TB, cluster *kfake.Cluster, brokers ...string) *rig {
	transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	return &rig{
		brokers:   brokers,
		transport: transport,
		client:    &kafka.Client{Addr: kafka.TCP(brokers...), Transport: transport, Timeout: 10 * time.Second},
		cluster:   cluster,
	}
}

// topic makes a topic with a name of its own. Settings are name=value.
func (r *rig) topic(t testing.TB, partitions int, settings ...string) string {
	t.Helper()
	name := topicName()
	r.create(t, name, partitions, settings...)
	return name
}

// topicName is a name that no other test has.
func topicName() string { return "leads-" + strings.ToLower(rand.Text()[:10]) }

func (r *rig) create(t testing.TB, name string, partitions int, settings ...string) {
	t.Helper()
	config := kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		config.ConfigEntries = append(config.ConfigEntries, kafka.ConfigEntry{ConfigName: key, ConfigValue: value})
	}
	res, err := r.client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{config}})
	if err := cmp.Or(err, res.Errors[name]); err != nil {
		t.Fatalf("creating %s: %v", name, err)
	}
	for p := range partitions { // a real Kafka says that it is created before it is
		waitFor(t, func() bool { _, err := r.offset(t, name, p); return err == nil })
	}
}

// set changes one setting of a topic.
func (r *rig) set(t testing.TB, topic, key, value string) {
	t.Helper()
	res, err := r.client.IncrementalAlterConfigs(t.Context(), &kafka.IncrementalAlterConfigsRequest{
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
}

func (r *rig) publisher(t testing.TB, log *zap.Logger) *requeue.Publisher {
	t.Helper()
	p := requeue.NewPublisher(requeue.Options{Brokers: r.brokers, Transport: r.transport}, nil, log)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// reader returns a function that reads the next record of a partition, with
// another client than the one under test.
func (r *rig) reader(t testing.TB, topic string, partition int) func() lead.Message {
	t.Helper()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: r.brokers, Topic: topic, Partition: partition,
		MinBytes: 1, MaxBytes: 16 << 20, MaxWait: 100 * time.Millisecond,
	})
	t.Cleanup(func() { _ = reader.Close() })
	return func() lead.Message {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
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

// end is the offset behind a partition's last record.
func (r *rig) end(t testing.TB, topic string, partition int) int64 {
	t.Helper()
	offset, err := r.offset(t, topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

func (r *rig) offset(t testing.TB, topic string, partition int) (int64, error) {
	t.Helper()
	res, err := r.client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}},
	})
	if err != nil {
		return 0, err
	}
	return res.Topics[topic][0].LastOffset, res.Topics[topic][0].Error
}

// within is the time after which a test gives up on what should happen soon.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
