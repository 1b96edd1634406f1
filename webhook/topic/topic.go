package topic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/leadhook/leadhook/topics"
)

// partition is the only one: its order is the order of the changes.
const partition = 0

// ErrOutOfRange is the cause of an error of [Topic.Fetch] for an offset that the log
// does not reach to, or no longer has. The log was truncated or recreated, or it lost
// records because its cleanup policy is not compact alone.
var ErrOutOfRange = errors.New("the log does not have this offset")

// A Record is a record of the topic.
type Record struct {
	Offset int64
	Key    string
	Value  []byte // nil: a tombstone
	Time   time.Time
}

// A Topic is a topic with one partition. It is safe for concurrent use.
type Topic struct {
	name   string
	client *kafka.Client
	own    *kafka.Transport // nil: the client's
}

// New returns the topic, which the caller must close. It connects when it is used, as
// client does, but by connections of its own. Requests time out after client.Timeout, a
// fetch after that and its wait; zero means 10 seconds.
func New(client *kafka.Client, name string) *Topic {
	t := &Topic{name: name, client: &kafka.Client{
		Addr: client.Addr, Transport: client.Transport, Timeout: cmp.Or(client.Timeout, 10*time.Second),
	}}
	if base, ok := client.Transport.(*kafka.Transport); ok {
		t.own = &kafka.Transport{
			Dial: base.Dial, DialTimeout: base.DialTimeout, IdleTimeout: base.IdleTimeout, ClientID: base.ClientID,
			TLS: base.TLS, SASL: base.SASL, Resolver: base.Resolver, Context: base.Context,
			MetadataTTL: base.MetadataTTL, MetadataTopics: []string{name},
		}
		t.client.Transport = t.own
	}
	return t
}

// Close closes the connections. Call it when nothing is being asked any longer.
func (t *Topic) Close() error {
	if t.own != nil {
		t.own.CloseIdleConnections()
	}
	return nil
}

// End returns the offset behind the last record. The leader of the partition is asked,
// so that each record that was acknowledged before the call lies below the offset.
func (t *Topic) End(ctx context.Context) (int64, error) {
	offsets, err := t.offsets(ctx, kafka.LastOffsetOf(partition))
	return offsets.LastOffset, err
}

// Start returns the first offset that the log still has. Its record may be missing.
func (t *Topic) Start(ctx context.Context) (int64, error) {
	offsets, err := t.offsets(ctx, kafka.FirstOffsetOf(partition))
	return offsets.FirstOffset, err
}

func (t *Topic) offsets(ctx context.Context, which kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	res, err := t.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{t.name: {which}},
	})
	if err != nil {
		return kafka.PartitionOffsets{}, t.failed(ctx, err)
	}
	for _, offsets := range res.Topics[t.name] {
		if offsets.Partition == partition {
			return offsets, t.failed(ctx, offsets.Error)
		}
	}
	return kafka.PartitionOffsets{}, t.failed(ctx, protocol.ErrNoPartition)
}

// failed returns an error that says in words what err means, and forgets who the
// leader is, since most errors mean that it is another one now or that its broker is
// gone. kafka-go would notice only when it asks for the metadata again by itself, up
// to six seconds later.
func (t *Topic) failed(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition) {
		// The transport says so too of a cluster that it has not reached yet.
		if _, cause := topics.Partitions(ctx, t.client, t.name); cause != nil {
			err = cause
		}
	}
	if t.own != nil && !refused(err) {
		t.own.CloseIdleConnections() // and with them what it knows of the cluster
	}
	return fmt.Errorf("%s: %w", t.name, topics.Partition{Topic: t.name, Number: partition}.Explain(err, t.client.Addr.String()))
}

// IsUnknown reports whether an error is one that goes away once all brokers know a topic that
// was just created, and where its records are.
func IsUnknown(err error) bool {
	for _, unknown := range []error{
		kafka.UnknownTopicOrPartition, kafka.NotLeaderForPartition, kafka.LeaderNotAvailable,
		protocol.ErrNoTopic, protocol.ErrNoPartition, protocol.ErrNoLeader,
	} {
		if errors.Is(err, unknown) {
			return true
		}
	}
	return false
}

// IsRefusal reports whether an error of [Topic.Append] is one that appending the records
// again would bring again, until somebody has put something right: what is wrong, its text
// says.
func IsRefusal(err error) bool {
	return refused(err) || errors.Is(err, kafka.UnknownTopicOrPartition)
}

// refused reports whether the leader answered, and would answer the same again.
func refused(err error) bool {
	code, ok := errors.AsType[kafka.Error](err)
	return ok && !code.Temporary() && code != kafka.UnknownTopicOrPartition
}
