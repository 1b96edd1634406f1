package topics

import (
	"context"
	"fmt"
	"slices"

	"github.com/segmentio/kafka-go"
)

// Grow gives the topics that many partitions: it creates those that are missing, adds
// partitions to those that have fewer, and changes the live topic, the first spec, last. So
// the service can run and be restarted at any time meanwhile: a topic with more partitions
// than the live topic does no harm, one with fewer does. Retry topics that exist without a
// spec grow too; the topic of the webhooks does not.
//
// It calls done after each topic, when the leaders of its new partitions answer. It may be
// stopped anywhere, and goes on from there when it is called again. An error names the topic
// that it ended at; the live topic is only changed if all others are done. It is an error if the live
// topic has more partitions already: Kafka cannot take partitions away.
func Grow(ctx context.Context, client *kafka.Client, specs []Spec, partitions int, done func(Created) error) error {
	left, err := leftOver(ctx, client, specs)
	if err != nil {
		return err
	}
	found, err := readTopics(ctx, client, slices.Concat(specs, left))
	if err != nil {
		return err
	}
	if live := found[specs[0].Name]; live != nil && len(live.partitions) > partitions {
		return fmt.Errorf("%s has %d partitions, and Kafka cannot take partitions away: name at least as many",
			specs[0].Name, len(live.partitions))
	}
	fitted := fit(specs, found[specs[0].Name])
	for _, spec := range slices.Concat(left, fitted[1:], fitted[:1]) {
		if !spec.OfWebhooks() {
			spec.Partitions = partitions
		}
		what, err := growOne(ctx, client, spec, found[spec.Name])
		if err != nil {
			return err
		}
		if err := done(what); err != nil {
			return err
		}
	}
	return nil
}

// growOne creates a topic, or adds the partitions that it lacks.
func growOne(ctx context.Context, client *kafka.Client, spec Spec, t *topic) (Created, error) {
	what := Created{Topic: spec.Name, Partitions: spec.Partitions}
	switch {
	case t == nil:
		answers, err := create(ctx, client, []Spec{spec})
		if err != nil {
			return what, err
		}
		if err := answers[spec.Name]; err != nil {
			return what, notCreated(spec, err)
		}
		what.Created = true
	case spec.OfWebhooks() || len(t.partitions) >= spec.Partitions:
		what.Partitions = len(t.partitions)
		return what, nil
	default:
		what.Before = len(t.partitions)
		res, err := client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
			Topics: []kafka.TopicPartitionsConfig{{Name: spec.Name, Count: int32(spec.Partitions)}},
		})
		if err != nil {
			return what, fmt.Errorf("adding partitions to the topic %s: %w", spec.Name, explain(err, client))
		}
		if err := res.Errors[spec.Name]; err != nil {
			return what, fmt.Errorf("adding partitions to the topic %s: %w%s", spec.Name, err, adviceOn(err, spec))
		}
	}
	awaitLeaders(ctx, client, []Created{what})
	return what, nil
}
