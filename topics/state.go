package topics

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// A topic is a topic as it exists in Kafka.
type topic struct {
	partitions []kafka.Partition

	// config has the effective value of each setting, including the brokers'
	// defaults; nil if this user may not read it.
	config map[string]string
}

// number returns a setting that is a number, and false if it is not known.
func (t *topic) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(t.config[name], 10, 64)
	return n, err == nil
}

// replicas returns the smallest number of replicas that a partition has.
func (t *topic) replicas() int {
	least := len(t.partitions[0].Replicas)
	for _, p := range t.partitions {
		least = min(least, len(p.Replicas))
	}
	return least
}

// readTopics asks Kafka for the topics. The result lacks those that do not exist
// and those that this user may not see.
func readTopics(ctx context.Context, client *kafka.Client, specs []Spec) (map[string]*topic, error) {
	req := &kafka.MetadataRequest{}
	for _, spec := range specs {
		req.Topics = append(req.Topics, spec.Name)
	}
	res, err := client.Metadata(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("looking for the topics: %w", explain(err, client))
	}
	found := make(map[string]*topic)
	for _, t := range res.Topics {
		switch {
		case errors.Is(t.Error, kafka.UnknownTopicOrPartition), errors.Is(t.Error, kafka.TopicAuthorizationFailed):
		case t.Error != nil:
			return nil, fmt.Errorf("looking for the topic %s: %w", t.Name, t.Error)
		case len(t.Partitions) > 0:
			found[t.Name] = &topic{partitions: t.Partitions}
		}
	}
	return found, readConfigs(ctx, client, found)
}

// readConfigs adds the settings of the topics, where this user may read them.
func readConfigs(ctx context.Context, client *kafka.Client, found map[string]*topic) error {
	req := &kafka.DescribeConfigsRequest{}
	for name := range found {
		req.Resources = append(req.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic,
			ResourceName: name,
		})
	}
	if len(req.Resources) == 0 {
		return nil
	}
	res, err := client.DescribeConfigs(ctx, req)
	if err != nil {
		return fmt.Errorf("reading the settings of the topics: %w", explain(err, client))
	}
	for _, r := range res.Resources {
		t := found[r.ResourceName]
		switch {
		case t == nil, notAuthorized(r.Error):
		case r.Error != nil:
			return fmt.Errorf("reading the settings of the topic %s: %w", r.ResourceName, r.Error)
		default:
			t.config = make(map[string]string, len(r.ConfigEntries))
			for _, e := range r.ConfigEntries {
				t.config[e.ConfigName] = e.ConfigValue
			}
		}
	}
	return nil
}

func notAuthorized(err error) bool {
	return errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.ClusterAuthorizationFailed)
}

// explain explains an error that concerns all topics.
func explain(err error, client *kafka.Client) error {
	return Partition{Number: AnyPartition}.Explain(err, client.Addr.String())
}
