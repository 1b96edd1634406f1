package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// A logOffset is an offset in a log, with the epoch of the leader that wrote there, or -1.
type logOffset struct {
	offset int64
	epoch  int32
}

// bounds are the first offset of a partition's log, the offset after its last record,
// and the epoch of its leader.
type bounds struct {
	first, end int64
	epoch      int32
}

// listBounds asks the brokers for the bounds of one partition.
func (c *Consumer) listBounds(ctx context.Context, topic string, partition int) (bounds, error) {
	first, err := c.listOffset(ctx, topic, partition, kafka.FirstOffset)
	if err != nil {
		return bounds{}, err
	}
	end, err := c.listOffset(ctx, topic, partition, kafka.LastOffset)
	return bounds{first.offset, end.offset, end.epoch}, err
}

// listTime asks for the first record that is stamped at a time or later. The offset is
// negative if there is none.
func (c *Consumer) listTime(ctx context.Context, topic string, partition int, at time.Time) (int64, error) {
	found, err := c.listOffset(ctx, topic, partition, at.UnixMilli())
	return found.offset, err
}

func (c *Consumer) listOffset(ctx context.Context, topic string, partition int, at int64) (logOffset, error) {
	found, err := c.listOffsets(ctx, topic, []int{partition}, at)
	if err != nil {
		return logOffset{}, err
	}
	if f, ok := found[partition]; ok {
		return f.logOffset, f.err
	}
	return logOffset{}, fmt.Errorf("ask for the offsets of %s/%d: no answer", topic, partition)
}

type listed struct {
	logOffset

	err error
}

// listOffsets asks for an offset of some partitions: at is a time, or one of kafka-go's
// constants. The client of kafka-go does not tell the epoch.
func (c *Consumer) listOffsets(ctx context.Context, topic string, partitions []int, at int64) (map[int]listed, error) {
	asked := make([]listoffsets.RequestPartition, len(partitions))
	for i, n := range partitions {
		asked[i] = listoffsets.RequestPartition{Partition: int32(n), CurrentLeaderEpoch: -1, Timestamp: at}
	}
	answer, err := c.exchange(ctx, &listoffsets.Request{
		ReplicaID: -1, Topics: []listoffsets.RequestTopic{{Topic: topic, Partitions: asked}},
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the offsets of %s: %w", topic, err)
	}
	found := make(map[int]listed, len(partitions))
	for _, t := range answer.(*listoffsets.Response).Topics {
		for _, p := range t.Partitions {
			f := listed{logOffset: logOffset{p.Offset, p.LeaderEpoch}}
			if p.ErrorCode != 0 {
				f.err = fmt.Errorf("ask for the offsets of %s/%d: %w", topic, p.Partition, kafka.Error(p.ErrorCode))
			}
			found[int(p.Partition)] = f
		}
	}
	return found, nil
}

// exchange sends a request that kafka-go's client has no method for.
func (c *Consumer) exchange(ctx context.Context, req protocol.Message) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	transport := c.opts.Client.Transport
	if transport == nil {
		transport = kafka.DefaultTransport
	}
	return transport.RoundTrip(ctx, c.opts.Client.Addr, req)
}

// listEpochEnd asks where the records end that leaders up to that epoch wrote. The offset
// is negative if the log has none of them.
func (c *Consumer) listEpochEnd(ctx context.Context, topic string, partition int, epoch int32) (int64, error) {
	answer, err := c.exchange(ctx, &epochEndRequest{ReplicaID: -1, Topics: []epochEndTopic{{
		Topic: topic, Partitions: []epochEndPartition{{Partition: int32(partition), CurrentLeaderEpoch: -1, LeaderEpoch: epoch}},
	}}})
	if err != nil {
		return 0, fmt.Errorf("ask for the end of an epoch of %s/%d: %w", topic, partition, err)
	}
	topics := answer.(*epochEndResponse).Topics
	if len(topics) != 1 || len(topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("ask for the end of an epoch of %s/%d: no answer", topic, partition)
	}
	p := topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return 0, fmt.Errorf("ask for the end of an epoch of %s/%d: %w", topic, partition, kafka.Error(p.ErrorCode))
	}
	return p.EndOffset, nil
}

func init() { //nolint:gochecknoinits // as kafka-go registers the messages that it has
	protocol.Register(&epochEndRequest{}, &epochEndResponse{})
}

// epochEndRequest is Kafka's OffsetForLeaderEpoch, which kafka-go does not have.
type epochEndRequest struct {
	ReplicaID int32           `kafka:"min=v3,max=v3"`
	Topics    []epochEndTopic `kafka:"min=v0,max=v3"`
}

type epochEndTopic struct {
	Topic      string              `kafka:"min=v0,max=v3"`
	Partitions []epochEndPartition `kafka:"min=v0,max=v3"`
}

type epochEndPartition struct {
	Partition          int32 `kafka:"min=v0,max=v3"`
	CurrentLeaderEpoch int32 `kafka:"min=v2,max=v3"`
	LeaderEpoch        int32 `kafka:"min=v0,max=v3"`
}

type epochEndResponse struct {
	ThrottleTimeMs int32                   `kafka:"min=v2,max=v3"`
	Topics         []epochEndResponseTopic `kafka:"min=v0,max=v3"`
}

type epochEndResponseTopic struct {
	Topic      string                      `kafka:"min=v0,max=v3"`
	Partitions []epochEndResponsePartition `kafka:"min=v0,max=v3"`
}

type epochEndResponsePartition struct {
	ErrorCode   int16 `kafka:"min=v0,max=v3"`
	Partition   int32 `kafka:"min=v0,max=v3"`
	LeaderEpoch int32 `kafka:"min=v1,max=v3"`
	EndOffset   int64 `kafka:"min=v0,max=v3"`
}

// ApiKey implements protocol.Message.
func (*epochEndRequest) ApiKey() protocol.ApiKey { //nolint:revive,staticcheck // the interface has this name
	return protocol.OffsetForLeaderEpoch
}

// ApiKey implements protocol.Message.
func (*epochEndResponse) ApiKey() protocol.ApiKey { //nolint:revive,staticcheck // the interface has this name
	return protocol.OffsetForLeaderEpoch
}

// Broker implements protocol.BrokerMessage: the leader answers.
func (r *epochEndRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	topic := r.Topics[0]
	for _, p := range cluster.Topics[topic.Topic].Partitions {
		if p.ID == topic.Partitions[0].Partition {
			return cluster.Brokers[p.Leader], nil
		}
	}
	return protocol.Broker{ID: -1}, nil
}
