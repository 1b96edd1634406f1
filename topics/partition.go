package topics

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// AnyPartition stands, in place of the number of a partition, for the topic as a
// whole or for a partition that is not chosen yet.
const AnyPartition = -1

// A Partition is a partition of a topic, or the topic as a whole.
type Partition struct {
	Topic  string
	Number int // or AnyPartition
}

func (p Partition) String() string {
	if p.Number == AnyPartition {
		return p.Topic
	}
	return fmt.Sprintf("%s, partition %d", p.Topic, p.Number)
}

// Partitions asks Kafka for the partitions of a topic. It is an error if the topic
// does not exist.
func Partitions(ctx context.Context, client *kafka.Client, topic string) ([]kafka.Partition, error) {
	res, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, err
	}
	if len(res.Topics) == 0 || res.Topics[0].Error == nil && len(res.Topics[0].Partitions) == 0 {
		return nil, kafka.UnknownTopicOrPartition
	}
	return res.Topics[0].Partitions, res.Topics[0].Error
}

// Explain returns an error that says in words what err, the error of a request about
// the partition, means and what to do about it. It wraps err. brokers are the
// addresses that it names.
func (p Partition) Explain(err error, brokers string) error {
	var words string
	switch {
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, kafka.UnknownTopicOrPartition):
		words = "the topic " + p.Topic + " does not exist, or this user may not see it; `leadhook topics create` creates it"
	case errors.Is(err, protocol.ErrNoPartition):
		words = fmt.Sprintf("the topic %s has no partition %d; all topics need the same number of partitions, "+
			"see `leadhook topics check`", p.Topic, p.Number)
	case errors.Is(err, protocol.ErrNoLeader), errors.Is(err, kafka.LeaderNotAvailable):
		words = "the partition has no leader; is a broker down?"
	case errors.Is(err, kafka.MessageSizeTooLarge):
		words = "the broker refuses the record for its size; raise max.message.bytes of " + p.Topic +
			", see `leadhook topics check`"
	case errors.Is(err, kafka.InvalidRecord), errors.Is(err, kafka.PolicyViolation):
		words = "the broker does not accept the record as it is; compare the settings of " + p.Topic + ", see `leadhook topics check`"
	case errors.Is(err, kafka.NotEnoughReplicas), errors.Is(err, kafka.NotEnoughReplicasAfterAppend):
		words = "fewer replicas are in sync than min.insync.replicas demands; is a broker down?"
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		words = "this user may not use the topic " + p.Topic + "; grant it on the brokers"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		words = "no answer in time from Kafka at " + brokers
	default:
		words = fmt.Sprintf("asking Kafka at %s: %s", brokers, bare(err))
	}
	return &explained{words: words, err: err}
}

// bare returns the text of err without the name of the function that kafka-go
// puts before it.
func bare(err error) string {
	text := err.Error()
	if strings.HasPrefix(text, "kafka.(*Client).") {
		_, text, _ = strings.Cut(text, ": ")
	}
	return text
}

// An explained is an error with a text for people, which wraps the error for code.
type explained struct {
	words string
	err   error
}

func (e *explained) Error() string { return e.words }
func (e *explained) Unwrap() error { return e.err }
