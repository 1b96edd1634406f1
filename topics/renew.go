package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/leadhook/leadhook/internal/wait"
)

// Renew deletes a topic with everything in it, if it exists, and creates it as the spec
// says. It returns once it was created, or with the error that ended ctx.
func Renew(ctx context.Context, client *kafka.Client, spec Spec) error {
	gone, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{spec.Name}})
	if err == nil {
		err = gone.Errors[spec.Name]
	}
	if err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
		return fmt.Errorf("deleting the topic %s: %w", spec.Name, explain(err, client))
	}
	awaitGone(ctx, client, spec.Name)
	for {
		made, err := create(ctx, client, []Spec{spec})
		if err != nil {
			return err
		}
		if err = made[spec.Name]; err == nil {
			awaitLeaders(ctx, client, []Created{{Topic: spec.Name, Partitions: spec.Partitions, Created: true}})
			return nil
		}
		const again = 100 * time.Millisecond // the brokers delete a topic after they have answered
		if !errors.Is(err, kafka.TopicAlreadyExists) || !wait.For(ctx, again) {
			return notCreated(spec, explain(err, client))
		}
	}
}

// awaitGone blocks until the leader of a topic that was deleted has dropped it, for ten seconds
// at most. Brokers do so after they have answered, and what they take until then is lost.
func awaitGone(ctx context.Context, client *kafka.Client, topic string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(0)}}}
	for !unknown(client.ListOffsets(ctx, request)) && wait.For(ctx, askAgain) {
	}
}

// unknown reports whether an answer says that there is no such partition. A connection that
// broke says nothing.
func unknown(res *kafka.ListOffsetsResponse, err error) bool {
	if err != nil {
		return errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, kafka.UnknownTopicOrPartition)
	}
	for _, partitions := range res.Topics {
		if slices.ContainsFunc(partitions, func(p kafka.PartitionOffsets) bool {
			return p.Error == nil || !errors.Is(p.Error, kafka.UnknownTopicOrPartition) && !errors.Is(p.Error, kafka.NotLeaderForPartition)
		}) {
			return false
		}
	}
	return true
}
