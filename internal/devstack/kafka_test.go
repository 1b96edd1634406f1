package devstack_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/internal/devstack"
	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/internal/samplecrm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startKafka(t *testing.T, opts devstack.KafkaOptions) *devstack.Kafka {
	t.Helper()
	k, err := devstack.StartKafka(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func clientFor(t *testing.T, k *devstack.Kafka) *kafka.Client {
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(k.Addr()), Transport: transport, Timeout: 10 * time.Second}
}

// put publishes values to partition 0 of topic, each acknowledged.
func put(t *testing.T, client *kafka.Client, topic string, values ...string) {
	t.Helper()
	var records []kafka.Record
	for _, v := range values {
		records = append(records, kafka.Record{Value: kafka.NewBytes([]byte(v)),
			Headers: []kafka.Header{{Key: "traceparent", Value: []byte("00-1")}}})
	}
	resp, err := client.Produce(t.Context(), &kafka.ProduceRequest{Topic: topic, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(records...)})
	if err := errors.Join(err, resp.Error); err != nil {
		t.Fatalf("publish to %s: %v", topic, err)
	}
}

// get reads n values from partition 0 of topic, from the beginning.
func get(t *testing.T, k *devstack.Kafka, topic string, n int) []string {
	t.Helper()
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{k.Addr()}, Topic: topic, MaxWait: 50 * time.Millisecond})
	defer r.Close()
	var got []string
	for range n {
		m, err := r.ReadMessage(t.Context())
		if err != nil {
			t.Fatalf("read %s after %q: %v", topic, got, err)
		}
		if len(m.Headers) != 1 || m.Headers[0].Key != "traceparent" {
			t.Errorf("record %q has headers %v, want traceparent alone", m.Value, m.Headers)
		}
		got = append(got, string(m.Value))
	}
	return got
}

func TestKafkaGroupReadsAndCommits(t *testing.T) {
	k := startKafka(t, devstack.KafkaOptions{Topics: map[string]int{"leads": 3}})
	client := clientFor(t, k)
	put(t, client, "leads", "a", "b")

	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: "leadhook", Brokers: []string{k.Addr()}, Topics: []string{"leads"}, StartOffset: kafka.FirstOffset,
		HeartbeatInterval: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	generation, err := group.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(generation.Assignments["leads"]); n != 3 {
		t.Fatalf("assigned are %d partitions, want 3", n)
	}
	committed := make(chan error, 1)
	generation.Start(func(context.Context) {
		committed <- generation.CommitOffsets(map[string]map[int]int64{"leads": {0: 2}})
	})
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	offsets, err := client.OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{GroupID: "leadhook", Topics: map[string][]int{"leads": {0}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := offsets.Topics["leads"][0].CommittedOffset; got != 2 {
		t.Errorf("committed is offset %d, want 2", got)
	}
}

func TestKafkaAnswersWhatToolsAsk(t *testing.T) {
	k := startKafka(t, devstack.KafkaOptions{})
	client := clientFor(t, k)
	created, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: "leads.dlq", NumPartitions: 2, ReplicationFactor: -1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "60000"}}}}})
	if err := errors.Join(err, created.Errors["leads.dlq"]); err != nil {
		t.Fatal(err)
	}
	again, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "leads.dlq", NumPartitions: 9, ReplicationFactor: -1}}})
	if err := errors.Join(err, again.Errors["leads.dlq"]); !errors.Is(err, kafka.TopicAlreadyExists) {
		t.Errorf("creating it again gives %v, want %v", err, kafka.TopicAlreadyExists)
	}
	put(t, client, "leads.dlq", "a", "b", "c")

	ends, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{"leads.dlq": {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := ends.Topics["leads.dlq"][0]; got.FirstOffset != 0 || got.LastOffset != 3 {
		t.Errorf("partition 0 goes from %d to %d, want 0 to 3", got.FirstOffset, got.LastOffset)
	}
	configs := describe(t, client, "leads.dlq")
	if configs["retention.ms"] != "60000" || configs["max.message.bytes"] == "" {
		t.Errorf("configs are %v, want retention.ms 60000 and some max.message.bytes", configs)
	}
}

func describe(t *testing.T, client *kafka.Client, topic string) map[string]string {
	t.Helper()
	resp, err := client.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}}})
	if err != nil {
		t.Fatal(err)
	}
	configs := map[string]string{}
	for _, entry := range resp.Resources[0].ConfigEntries {
		configs[entry.ConfigName] = entry.ConfigValue
	}
	return configs
}

func TestKafkaMakesNoTopicByMereUse(t *testing.T) {
	k := startKafka(t, devstack.KafkaOptions{})
	meta, err := clientFor(t, k).Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{"leads"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := meta.Topics[0].Error; !errors.Is(got, kafka.UnknownTopicOrPartition) {
		t.Errorf("asking for a topic that is not there gives %v, want %v", got, kafka.UnknownTopicOrPartition)
	}
}

func TestKafkaKeepsItsDataDir(t *testing.T) {
	opts := devstack.KafkaOptions{Listen: realstack.FreeAddr(t), DataDir: t.TempDir(), Topics: map[string]int{"leads": 3}}
	first := startKafka(t, opts)
	put(t, clientFor(t, first), "leads", "a", "b")
	first.Close()

	opts.Topics = map[string]int{"leads": 7, "leads.dlq": 1} // the first is there already, and stays
	second := startKafka(t, opts)
	put(t, clientFor(t, second), "leads", "c")
	if diff := cmp.Diff([]string{"a", "b", "c"}, get(t, second, "leads", 3)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	meta, err := clientFor(t, second).Metadata(t.Context(), &kafka.MetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, topic := range meta.Topics {
		got[topic.Name] = len(topic.Partitions)
	}
	want := map[string]int{"leads": 3, "leads.dlq": 1}
	maps.DeleteFunc(got, func(name string, _ int) bool { return strings.HasPrefix(name, "__") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("topics after a restart (-want +got):\n%s", diff)
	}
}

func TestADamagedDataDirIsSaidToBeOne(t *testing.T) {
	_, err := devstack.StartKafka(devstack.KafkaOptions{DataDir: "/dev/null/data"})
	if err == nil || !strings.Contains(err.Error(), "dev.data") {
		t.Errorf("error is %v, want one that names dev.data", err)
	}
}

func TestClientsAreToldWhereToCome(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost", "", "0.0.0.0", "[::]"} {
		k := startKafka(t, devstack.KafkaOptions{Listen: host + ":0"})
		meta, err := clientFor(t, k).Metadata(t.Context(), &kafka.MetadataRequest{})
		if err != nil {
			t.Fatalf("listen %q: %v", host, err)
		}
		want := "127.0.0.1"
		if host == "localhost" {
			want = host
		}
		if got, _, _ := net.SplitHostPort(k.Addr()); got != want || meta.Brokers[0].Host != want {
			t.Errorf("listen %q: Addr says %s, the broker %s, want %s", host, got, meta.Brokers[0].Host, want)
		}
	}
}

func TestATakenPortIsNamedWithItsSetting(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := ln.Addr().String()
	_, ofKafka := devstack.StartKafka(devstack.KafkaOptions{Listen: addr})
	_, ofRedis := devstack.StartRedis(devstack.RedisOptions{Listen: addr})
	_, ofCRM := samplecrm.Start(samplecrm.Options{Listen: addr})
	for setting, err := range map[string]error{"dev.kafka_listen": ofKafka, "dev.redis_listen": ofRedis, "dev.crm_listen": ofCRM} {
		words := []string{addr, "is in use by another program", setting, "LEADHOOK_" + strings.ToUpper(strings.ReplaceAll(setting, ".", "_"))}
		if err == nil || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(err.Error(), w) }) {
			t.Errorf("error is %v, want one with %q", err, words)
		}
	}
}

func TestAnAddressThatCannotBeIsNamedWithItsSetting(t *testing.T) {
	_, err := devstack.StartRedis(devstack.RedisOptions{Listen: "127.0.0.1:port"})
	if err == nil || !strings.Contains(err.Error(), "dev.redis_listen") || strings.Contains(err.Error(), "taken") {
		t.Errorf("error is %v, want one that names dev.redis_listen", err)
	}
}
