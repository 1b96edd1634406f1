package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/wait"
)

// Created is what [Create] or [Grow] did about a topic. If it neither created it nor added
// partitions, the topic existed and was left as it is.
type Created struct {
	Topic      string
	Partitions int  // that it has now
	Created    bool // it did not exist
	Before     int  // how many partitions it had, if some were added; otherwise zero
}

// Create creates the topics that do not exist, and never changes one that exists.
// The first spec is the live topic: if it exists, the others get its number of
// partitions, and a size limit that suits its largest record, instead of what their
// specs say; but not that of the webhooks.
//
// The result is in the order of specs. An error names the topics that could not be
// created, and why; the result then has the others. The leaders of new topics answer when
// it returns, but for an outage; other brokers may hear of the topics some moments later.
func Create(ctx context.Context, client *kafka.Client, specs []Spec) ([]Created, error) {
	found, err := readTopics(ctx, client, specs)
	if err != nil {
		return nil, err
	}
	wanted := fit(specs, found[specs[0].Name])
	missing := slices.DeleteFunc(slices.Clone(wanted), func(s Spec) bool { return found[s.Name] != nil })
	answers, err := create(ctx, client, missing)
	if err != nil {
		return nil, err
	}
	all, err := created(wanted, found, answers)
	awaitLeaders(ctx, client, all)
	return all, err
}

// create asks for the topics, and returns the brokers' answers. It asks again without
// LogAppendTime for those whose settings are not permitted: it is what some clusters
// forbid, and [Check] warns of it.
func create(ctx context.Context, client *kafka.Client, specs []Spec) (map[string]error, error) {
	answers, err := createOnce(ctx, client, specs)
	if err != nil {
		return nil, err
	}
	var again []Spec
	for _, spec := range specs {
		refused := errors.Is(answers[spec.Name], kafka.PolicyViolation) || errors.Is(answers[spec.Name], kafka.InvalidConfiguration)
		if spec.LogAppendTime && refused {
			spec.LogAppendTime = false
			again = append(again, spec)
		}
	}
	second, err := createOnce(ctx, client, again)
	if err != nil {
		return nil, err
	}
	maps.Copy(answers, second)
	return answers, nil
}

func createOnce(ctx context.Context, client *kafka.Client, specs []Spec) (map[string]error, error) {
	if len(specs) == 0 {
		return map[string]error{}, nil
	}
	var request kafka.CreateTopicsRequest
	for _, spec := range specs {
		request.Topics = append(request.Topics, spec.config())
	}
	res, err := client.CreateTopics(ctx, &request)
	if err != nil {
		return nil, fmt.Errorf("creating topics: %w", explain(err, client))
	}
	return res.Errors, nil
}

// The leaders of topics are asked every askAgain, for patience at most.
const patience, askAgain = 10 * time.Second, 20 * time.Millisecond

// awaitLeaders waits until the leaders of new topics answer, which takes some moments: what is
// called next in a script would fail. It gives up after a while.
func awaitLeaders(ctx context.Context, client *kafka.Client, all []Created) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request := &kafka.ListOffsetsRequest{Topics: make(map[string][]kafka.OffsetRequest)}
	for _, c := range all {
		if !c.Created && c.Before == 0 {
			continue
		}
		for n := range max(c.Partitions, 1) { // zero is the brokers' default
			request.Topics[c.Topic] = append(request.Topics[c.Topic], kafka.LastOffsetOf(n))
		}
	}
	for len(request.Topics) > 0 && !answered(client.ListOffsets(ctx, request)) && wait.For(ctx, askAgain) {
	}
}

// answered reports whether the leader of each partition answered.
func answered(res *kafka.ListOffsetsResponse, err error) bool {
	if err != nil {
		return false
	}
	for _, partitions := range res.Topics {
		if slices.ContainsFunc(partitions, func(p kafka.PartitionOffsets) bool { return p.Error != nil }) {
			return false
		}
	}
	return true
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
			errs = append(errs, notCreated(spec, answer))
		}
	}
	return all, errors.Join(errs...)
}

// notCreated is the error of a topic that Kafka did not create, for a cause that it told.
func notCreated(spec Spec, cause error) error {
	return fmt.Errorf("creating the topic %s: %w%s", spec.Name, cause, adviceOn(cause, spec))
}

// adviceOn returns what to do about an error of creating a topic, to be appended to it.
func adviceOn(err error, spec Spec) string {
	switch {
	case errors.Is(err, kafka.InvalidReplicationFactor):
		return fmt.Sprintf("; %d replicas need as many brokers: lower the replication setting or start more brokers",
			spec.ReplicationFactor)
	case errors.Is(err, kafka.TopicAuthorizationFailed), errors.Is(err, kafka.ClusterAuthorizationFailed):
		return "; grant this user to create and alter topics, or do it as a user who may"
	}
	return ""
}
