package topics

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// Created is what [Create] did about a topic.
type Created struct {
	Topic      string
	Partitions int
	Created    bool // false: it existed, and was left as it is
}

// Create creates the topics that do not exist, and never changes one that exists.
// The first spec is the live topic: if it exists, the others get its number of
// partitions, and a size limit that suits its largest record, instead of what their
// specs say; but not that of the webhooks.
//
// The result is in the order of specs. An error names the topics that could not be
// created, and why; the result then has the others. New topics appear on all brokers
// some moments later.
func Create(ctx context.Context, client *kafka.Client, specs []Spec) ([]Created, error) {
	found, err := readTopics(ctx, client, specs)
	if err != nil {
		return nil, err
	}
	wanted := fit(specs, found[specs[0].Name])
	missing := kafka.CreateTopicsRequest{}
	for _, spec := range wanted {
		if found[spec.Name] == nil {
			missing.Topics = append(missing.Topics, spec.config())
		}
	}
	answers := map[string]error{}
	if len(missing.Topics) > 0 {
		res, err := client.CreateTopics(ctx, &missing)
		if err != nil {
			return nil, fmt.Errorf("creating topics: %w", explain(err, client))
		}
		answers = res.Errors
	}
	return created(wanted, found, answers)
}

// created returns what was done about each topic: found existed, and answers are
// the brokers' answers about the others.
func created(wanted []Spec, found map[string]*topic, answers map[string]error) ([]Created, error) {
	var all []Created
	var errs []error
	for _, spec := range wanted {
		answer := answers[spec.Name]
		switch {
		case found[spec.Name] != nil:
			all = append(all, Created{Topic: spec.Name, Partitions: len(found[spec.Name].partitions)})
		case answer == nil:
			all = append(all, Created{Topic: spec.Name, Partitions: spec.Partitions, Created: true})
		case errors.Is(answer, kafka.TopicAlreadyExists): // since we looked
			all = append(all, Created{Topic: spec.Name, Partitions: spec.Partitions})
		default:
			errs = append(errs, fmt.Errorf("creating the topic %s: %w%s", spec.Name, answer, adviceOn(answer, spec)))
		}
	}
	return all, errors.Join(errs...)
}

// adviceOn returns what to do about an error of creating a topic, to be appended to it.
func adviceOn(err error, spec Spec) string {
	switch {
	case errors.Is(err, kafka.InvalidReplicationFactor):
		return fmt.Sprintf("; %d replicas need as many brokers: lower the replication setting or start more brokers",
			spec.ReplicationFactor)
	case errors.Is(err, kafka.TopicAuthorizationFailed), errors.Is(err, kafka.ClusterAuthorizationFailed):
		return "; grant this user to create topics, or create it as a user who may"
	}
	return ""
}
