//go:build faults

package faults

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

func (r *rig) deadLetters() string { return r.topic + ".dlq" }

// webhooks is the topic that keeps the webhooks.
func (r *rig) webhooks() string { return r.topic + ".webhooks" }

// partitionsOf is how many partitions a topic has.
func (r *rig) partitionsOf(topic string) int {
	if topic == r.webhooks() {
		return 1
	}
	return r.partitions
}

// topics are all of the rig's topics that exist: live, retry, dead letters, webhooks.
func (r *rig) topics() []string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	meta, err := r.kafka.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil
	}
	var names []string
	for _, t := range meta.Topics {
		if t.Name == r.topic || strings.HasPrefix(t.Name, r.topic+".") {
			names = append(names, t.Name)
		}
	}
	return names
}

// retryTopics are those in which deliveries wait.
func (r *rig) retryTopics() []string {
	return slices.DeleteFunc(r.topics(), func(name string) bool { return !strings.HasPrefix(name, r.topic+".retry.") })
}

// ends are the log ends of a topic by partition; without those that Kafka does
// not tell.
func (r *rig) ends(topic string) map[int]int64 {
	var asked []kafka.OffsetRequest
	for p := range r.partitionsOf(topic) {
		asked = append(asked, kafka.LastOffsetOf(p))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := r.kafka.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: asked}})
	ends := map[int]int64{}
	if err != nil {
		return ends
	}
	for _, p := range res.Topics[topic] {
		if p.Error == nil {
			ends[p.Partition] = p.LastOffset
		}
	}
	return ends
}

// committed are the group's offsets by topic and partition, as they were at one
// moment; nil if Kafka does not tell all of them.
func (r *rig) committed(topics ...string) map[string]map[int]int64 {
	req := &kafka.OffsetFetchRequest{GroupID: r.group, Topics: map[string][]int{}}
	for _, topic := range topics {
		for p := range r.partitions {
			req.Topics[topic] = append(req.Topics[topic], p)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := r.kafka.OffsetFetch(ctx, req)
	if err != nil || len(res.Topics) != len(req.Topics) {
		return nil
	}
	committed := map[string]map[int]int64{}
	for topic, parts := range res.Topics {
		committed[topic] = map[int]int64{}
		for _, p := range parts {
			if p.Error != nil {
				return nil
			}
			committed[topic][p.Partition] = max(0, p.CommittedOffset)
		}
	}
	return committed
}

// lag is how many records of the topics are not committed; -1: Kafka does not
// tell.
func (r *rig) lag(topics ...string) (lag int64) {
	committed := r.committed(topics...)
	for _, topic := range topics {
		ends := r.ends(topic)
		if committed == nil || len(ends) != r.partitions {
			return -1
		}
		for p, end := range ends {
			lag += max(0, end-committed[topic][p])
		}
	}
	return lag
}

// read calls a function for each record of a topic that counts: not for those of aborted
// transactions.
func (r *rig) read(topic string, see func(*kafka.Message)) {
	r.t.Helper()
	ends := r.ends(topic)
	if len(ends) != r.partitionsOf(topic) {
		r.t.Fatalf("Kafka tells the ends of %d partitions of %s, want %d", len(ends), topic, r.partitionsOf(topic))
	}
	left, from := int64(0), map[int32]kgo.Offset{}
	for p, end := range ends {
		if end > 0 {
			left, from[int32(p)] = left+end, kgo.NewOffset().AtStart()
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.brokers...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), 5*time.Minute)
	defer cancel()
	for passed := map[int32]int64{}; left > 0; {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			r.t.Fatalf("read %s: %v", topic, err)
		}
		fetched.EachRecord(func(m *kgo.Record) {
			end := ends[int(m.Partition)]
			if m.Offset >= end {
				return
			}
			left -= m.Offset + 1 - passed[m.Partition]
			passed[m.Partition] = m.Offset + 1
			if !m.Attrs.IsControl() {
				see(messageOf(m))
			}
		})
	}
}

func messageOf(m *kgo.Record) *kafka.Message {
	to := &kafka.Message{Topic: m.Topic, Partition: int(m.Partition), Offset: m.Offset, Key: m.Key, Value: m.Value, Time: m.Timestamp}
	for _, h := range m.Headers {
		to.Headers = append(to.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return to
}
