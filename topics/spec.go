package topics

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// HeadRoom is how many bytes larger than the live topic's largest record the records
// of the other topics may be: they have the same event, and leadhook's headers.
const HeadRoom = 64 << 10

// DefaultMaxBytes is the max.message.bytes that Kafka uses if neither the topic nor
// the broker sets it.
const DefaultMaxBytes = 1<<20 + 12

// A Spec is what a topic should look like. A zero field means the brokers' default.
type Spec struct {
	Name              string
	Partitions        int
	ReplicationFactor int
	MinInsync         int           // min.insync.replicas
	Retention         time.Duration // retention.ms; negative: for ever
	MaxMessageBytes   int           // max.message.bytes
	LogAppendTime     bool          // the broker's clock decides about retention, not the producer's

	// RetryDelay is how long the records of a retry topic wait; zero for every
	// other topic. A retry topic must keep its records for Retention.
	RetryDelay time.Duration

	// CompactionLag is zero if the topic keeps all records for Retention. Otherwise it
	// keeps the newest record of each key for ever, and all others for this time.
	CompactionLag time.Duration
}

// OfWebhooks reports whether it is the topic of the webhooks, which is compacted.
func (s Spec) OfWebhooks() bool { return s.CompactionLag > 0 }

// content returns what is in the topic.
func (s Spec) content() string {
	if s.OfWebhooks() {
		return "webhooks"
	}
	return "leads"
}

// Settings are what the operator decides about the topics. A zero field means the
// brokers' default.
type Settings struct {
	Live                string // name of the live topic
	Partitions          int
	ReplicationFactor   int
	MinInsync           int
	LiveRetention       time.Duration
	DeadLetterRetention time.Duration
	RetryDelays         []time.Duration // there is a retry topic for each
	MaxMessageBytes     int             // of the live topic; zero: Kafka's default, 1,048,588 bytes
}

// retryMargin is how much longer than its delay a retry topic must keep its records:
// leadhook may be down for that long without losing a waiting delivery.
const retryMargin = 7 * 24 * time.Hour

// Specs returns the specs of the live topic, which is the first, of the retry
// topics in the order of their delays, of the dead-letter topic, and of the topic of
// the webhooks.
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
	return append(specs, dead, webhooksSpec(live))
}

// retrySpec returns the spec of a retry topic of a live topic.
func retrySpec(live Spec, delay time.Duration) Spec {
	spec := live
	spec.Name = RetryName(live.Name, delay)
	spec.Retention = delay + retryMargin
	spec.MaxMessageBytes = live.MaxMessageBytes + HeadRoom
	spec.LogAppendTime = true
	spec.RetryDelay = delay
	return spec
}

// fit adapts the specs of the other topics that have leads to the live topic as it exists.
func fit(specs []Spec, live *topic) []Spec {
	fitted := slices.Clone(specs)
	if live == nil {
		return fitted
	}
	for i := range fitted[1:] {
		spec := &fitted[1+i]
		if spec.OfWebhooks() {
			continue
		}
		spec.Partitions = len(live.partitions)
		if limit, known := live.number("max.message.bytes"); known {
			spec.MaxMessageBytes = max(spec.MaxMessageBytes, int(limit)+HeadRoom)
		}
	}
	return fitted
}

// config returns the request to create the topic.
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
	if s.OfWebhooks() {
		set("cleanup.policy", "compact")
		set("min.compaction.lag.ms", strconv.FormatInt(s.CompactionLag.Milliseconds(), 10))
	} else {
		set("cleanup.policy", "delete")
	}
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

// retentionMillis returns d as Kafka writes it: -1 is for ever.
func retentionMillis(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Milliseconds()
}
