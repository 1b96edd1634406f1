package topics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// HeadRoom is how much larger than the live topic's largest record the records
// of the other topics may be, in bytes: the same event with our headers.
const HeadRoom = 64 << 10

// DefaultMaxBytes is the max.message.bytes of a topic that Kafka was told nothing
// about.
const DefaultMaxBytes = 1<<20 + 12

// DeadLetterName is the name of the dead-letter topic that belongs to a live
// topic.
func DeadLetterName(live string) string { return live + ".dlq" }

// A Spec says what a topic should look like. What is zero is left to the
// brokers' defaults.
type Spec struct {
	Name              string
	Partitions        int
	ReplicationFactor int
	MinInsync         int           // min.insync.replicas
	Retention         time.Duration // retention.ms; negative: for ever
	MaxMessageBytes   int           // max.message.bytes
	LogAppendTime     bool          // retention counts by the broker's clock, not the producer's

	// RetryDelay is how long the records of a retry topic wait; zero: it is
	// none. A retry topic must keep records for Retention.
	RetryDelay time.Duration
}

// Settings are what the operator decides about the topics. Zero leaves a
// thing to the brokers' defaults.
type Settings struct {
	Live                string // name of the live topic
	Partitions          int
	ReplicationFactor   int
	MinInsync           int
	LiveRetention       time.Duration
	DeadLetterRetention time.Duration
	RetryDelays         []time.Duration // one retry topic each
	MaxMessageBytes     int             // of the live topic; zero: Kafka's default, 1,048,588 bytes
}

// retryMargin is how much longer than its delay a retry topic must keep records:
// how long leadhook may be away without losing a delivery that waits.
const retryMargin = 7 * 24 * time.Hour

// Specs specifies the live topic, which is the first, the retry topics in the
// order of their delays, and the dead-letter topic.
func Specs(s Settings) []Spec {
	live := Spec{
		Name:              s.Live,
		Partitions:        s.Partitions,
		ReplicationFactor: s.ReplicationFactor,
		MinInsync:         s.MinInsync,
		Retention:         s.LiveRetention,
		MaxMessageBytes:   cmp.Or(s.MaxMessageBytes, DefaultMaxBytes),
	}
	dead := live
	dead.Name = DeadLetterName(s.Live)
	dead.Retention = s.DeadLetterRetention
	dead.MaxMessageBytes = live.MaxMessageBytes + HeadRoom
	specs := []Spec{live}
	for _, delay := range s.RetryDelays {
		specs = append(specs, retrySpec(live, delay))
	}
	return append(specs, dead)
}

// retrySpec specifies a retry topic beside a live topic.
func retrySpec(live Spec, delay time.Duration) Spec {
	spec := live
	spec.Name = RetryName(live.Name, delay)
	spec.Retention = delay + retryMargin
	spec.MaxMessageBytes = live.MaxMessageBytes + HeadRoom
	spec.LogAppendTime = true
	spec.RetryDelay = delay
	return spec
}

// Created says what became of a topic.
type Created struct {
	Topic      string
	Partitions int
	Created    bool // false: it existed, and was left as it is
}

// Create creates those of the topics that do not exist, and never changes
// one that does. The first spec is the live topic: if that one exists, the
// others get its number of partitions, and room for its largest record, instead
// of what their specs say.
//
// The result has what became of each topic, in the order of specs. An error
// names the topics that could not be created, and why; the rest of the result
// then is right nonetheless. Topics appear on all brokers some moments later.
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
			return nil, fmt.Errorf("creating topics: %w", reach(err, client))
		}
		answers = res.Errors
	}
	return created(wanted, found, answers)
}

// created puts together what became of the topics.
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

func adviceOn(err error, spec Spec) string {
	switch {
	case errors.Is(err, kafka.InvalidReplicationFactor):
		return fmt.Sprintf("; %d replicas need as many brokers: lower the replication setting or start more brokers",
			spec.ReplicationFactor)
	case errors.Is(err, kafka.TopicAuthorizationFailed), errors.Is(err, kafka.ClusterAuthorizationFailed):
		return "; grant this user to create topics, or create it as somebody who may"
	}
	return ""
}

// fit adapts the specs of the other topics to the live topic as it is.
func fit(specs []Spec, live *topic) []Spec {
	fitted := append([]Spec(nil), specs...)
	if live == nil {
		return fitted
	}
	for i := range fitted[1:] {
		spec := &fitted[1+i]
		spec.Partitions = len(live.partitions)
		if limit, known := live.number("max.message.bytes"); known {
			spec.MaxMessageBytes = max(spec.MaxMessageBytes, int(limit)+HeadRoom)
		}
	}
	return fitted
}

func (s Spec) config() kafka.TopicConfig {
	const brokersDefault = -1
	t := kafka.TopicConfig{
		Topic:             s.Name,
		NumPartitions:     cmp.Or(s.Partitions, brokersDefault),
		ReplicationFactor: cmp.Or(s.ReplicationFactor, brokersDefault),
	}
	set := func(name, value string) {
		t.ConfigEntries = append(t.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	set("cleanup.policy", "delete")
	if s.MinInsync > 0 {
		set("min.insync.replicas", strconv.Itoa(s.MinInsync))
	}
	if s.Retention != 0 {
		set("retention.ms", strconv.FormatInt(retentionMillis(s.Retention), 10))
	}
	if s.MaxMessageBytes > 0 {
		set("max.message.bytes", strconv.Itoa(s.MaxMessageBytes))
	}
	if s.LogAppendTime {
		set("message.timestamp.type", "LogAppendTime")
	}
	return t
}

// retentionMillis is d as Kafka writes it: -1 is for ever.
func retentionMillis(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Milliseconds()
}
