package topics

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// A Problem is something about a topic that loses or delays leads, or may do so one
// day.
type Problem struct {
	Topic string

	// Warning is set if the service works nonetheless, or will without help.
	Warning bool

	// Missing is set if there is no such topic.
	Missing bool

	// Text is one or two sentences: what is wrong and what to do, with Kafka's
	// command for it.
	Text string
}

// Check compares the topics with what the service needs. The first spec is the
// live topic; the others are compared with its actual number of partitions and
// its actual size limit, except for that of the webhooks. If there is no problem, they can
// take everything that arrives on the live topic. A retry topic of the live topic that has
// no spec is checked like those that have one, and also causes a warning.
//
// An error means that Kafka could not be asked. Settings that this user may not
// read cause a warning.
func Check(ctx context.Context, client *kafka.Client, specs []Spec) ([]Problem, error) {
	left, err := leftOver(ctx, client, specs)
	if err != nil {
		return nil, err
	}
	specs = slices.Concat(specs, left)
	found, err := readTopics(ctx, client, specs)
	if err != nil {
		return nil, err
	}
	live := found[specs[0].Name]
	var problems []Problem
	for i, spec := range fit(specs, live) {
		c := check{spec: spec, brokers: client.Addr.String()}
		if t := found[spec.Name]; t == nil {
			c.missing()
		} else {
			c.replication(t)
			c.settings(t)
			c.retention(t)
			switch {
			case spec.OfWebhooks():
				c.compacted(t)
			case i == 0:
				c.live(t)
			case live != nil:
				c.beside(t, live, specs[0].Name)
			}
		}
		if i >= len(specs)-len(left) {
			c.leftOver()
		}
		problems = append(problems, c.problems...)
	}
	return problems, nil
}

// leftOver returns specs for the retry topics that exist although no spec asks for
// them.
func leftOver(ctx context.Context, client *kafka.Client, specs []Spec) ([]Spec, error) {
	live := specs[0]
	names, err := RetryNames(ctx, client, live.Name)
	if err != nil {
		return nil, err
	}
	var left []Spec
	for _, name := range names {
		if !slices.ContainsFunc(specs, func(s Spec) bool { return s.Name == name }) {
			delay, _ := RetryDelay(live.Name, name)
			left = append(left, retrySpec(live, delay))
		}
	}
	return left, nil
}

// A check collects what is wrong with one topic.
type check struct {
	spec     Spec
	brokers  string
	problems []Problem
}

func (c *check) fail(format string, args ...any) {
	c.problems = append(c.problems, Problem{Topic: c.spec.Name, Text: fmt.Sprintf(format, args...)})
}

func (c *check) warn(format string, args ...any) {
	c.fail(format, args...)
	c.problems[len(c.problems)-1].Warning = true
}

// alter returns the command that changes a setting of the topic.
func (c *check) alter(name string, value any) string {
	return fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s "+
		"--add-config %s=%v", c.brokers, c.spec.Name, name, value)
}

// missing adds the problem that the topic does not exist.
func (c *check) missing() {
	var flags strings.Builder
	t := c.spec.config()
	if t.NumPartitions > 0 {
		fmt.Fprintf(&flags, " --partitions %d", t.NumPartitions)
	}
	if t.ReplicationFactor > 0 {
		fmt.Fprintf(&flags, " --replication-factor %d", t.ReplicationFactor)
	}
	for _, e := range t.ConfigEntries {
		fmt.Fprintf(&flags, " --config %s=%s", e.ConfigName, e.ConfigValue)
	}
	c.fail("%s does not exist, or this user may not see it. Create it: leadhook topics create, or "+
		"kafka-topics.sh --bootstrap-server %s --create --topic %[1]s%[3]s", c.spec.Name, c.brokers, flags.String())
	c.problems[len(c.problems)-1].Missing = true
}

// replication checks whether records can be written, and how safe they are then.
func (c *check) replication(t *topic) {
	least, known := t.number("min.insync.replicas")
	if known && int(least) > t.replicas() {
		c.fail("%s has %d replicas and min.insync.replicas %d, so that nothing can be published to it. Lower min.insync.replicas: %s",
			c.spec.Name, t.replicas(), least, c.alter("min.insync.replicas", t.replicas()))
	}
	if t.replicas() < c.spec.ReplicationFactor {
		c.warn("%s has %d replicas, the settings say %d: %s are lost if that many disks are lost. "+
			"Add replicas: kafka-reassign-partitions.sh, or set the replication to what you mean.",
			c.spec.Name, t.replicas(), c.spec.ReplicationFactor, c.spec.content())
	}
	if known && int(least) < c.spec.MinInsync {
		c.warn("%s has min.insync.replicas %d, the settings say %d: a record counts as published with fewer copies. "+
			"Change it: %s", c.spec.Name, least, c.spec.MinInsync, c.alter("min.insync.replicas", c.spec.MinInsync))
	}
	leaderless, behind := 0, 0
	for _, p := range t.partitions {
		switch {
		case p.Error != nil || p.Leader.Host == "":
			leaderless++
		case len(p.Isr) < len(p.Replicas):
			behind++
		}
	}
	if leaderless > 0 {
		c.warn("%s: %d of %d partitions have no leader, and stand still until they have one. Are all brokers up?",
			c.spec.Name, leaderless, len(t.partitions))
	}
	if behind > 0 {
		c.warn("%s: %d of %d partitions have replicas that are not in sync; nothing can be published to them while fewer than "+
			"min.insync.replicas are. Are all brokers up?", c.spec.Name, behind, len(t.partitions))
	}
}

// leftOver warns that no setting asks for the topic any longer.
func (c *check) leftOver() {
	c.warn("%s is left over from other settings: retry.delays does not name %s. It is still read, and what waits in it "+
		"is delivered. Delete it when the consumer group has read all of it: "+
		"kafka-topics.sh --bootstrap-server %s --delete --topic %[1]s",
		c.spec.Name, spell(c.spec.RetryDelay), c.brokers)
}

// settings checks the settings that decide how a record is kept.
func (c *check) settings(t *topic) {
	if t.config == nil {
		c.warn("%s: this user may not read its settings, so its size limit and retention are not checked. "+
			"Allow it: kafka-acls.sh --bootstrap-server %s --add --allow-principal User:... "+
			"--operation DescribeConfigs --topic %[1]s", c.spec.Name, c.brokers)
		return
	}
	if policy := t.config["cleanup.policy"]; !c.spec.OfWebhooks() && strings.Contains(policy, "compact") {
		c.fail("%s has cleanup.policy %s: Kafka would keep only the newest lead of each advertiser. Change it: %s",
			c.spec.Name, policy, c.alter("cleanup.policy", "delete"))
	}
	if stamp := t.config["message.timestamp.type"]; c.spec.LogAppendTime && stamp != "LogAppendTime" {
		c.warn("%s has message.timestamp.type %s: an instance whose clock is wrong could have its records removed "+
			"early. Change it, if the brokers permit that: %s", c.spec.Name, stamp, c.alter("message.timestamp.type", "LogAppendTime"))
	}
}

// retention checks for how long a record is kept.
func (c *check) retention(t *topic) {
	waits := c.spec.RetryDelay > 0
	if most, known := t.number("retention.bytes"); waits && known && most >= 0 {
		c.warn("%s keeps at most %d bytes of each partition: if more deliveries wait, the oldest are lost. Change it: %s",
			c.spec.Name, most, c.alter("retention.bytes", -1))
	}
	kept, known := t.number("retention.ms")
	want := retentionMillis(c.spec.Retention)
	if !known || kept < 0 || want == 0 || want > 0 && kept >= want {
		return
	}
	have, change := time.Duration(kept)*time.Millisecond, c.alter("retention.ms", want)
	if waits {
		c.fail("%s keeps records for %v, and must for %v, its delay and a week: what waits there could be lost while "+
			"leadhook is down. Change it: %s", c.spec.Name, have, c.spec.Retention, change)
		return
	}
	c.warn("%s keeps records for %v, the settings say %v. Change it: %s",
		c.spec.Name, have, forEver(c.spec.Retention), change)
}

// live compares the live topic with the settings. If it is too small, that limits
// producers and instances; no lead that was published is lost.
func (c *check) live(t *topic) {
	if have := len(t.partitions); have < c.spec.Partitions {
		c.warn("%s has %d partitions, the settings say %d: no more instances than that can share the work. Add some; producers "+
			"then use other partitions for some advertisers: leadhook topics create --partitions %[3]d",
			c.spec.Name, have, c.spec.Partitions)
	}
	if limit, known := t.number("max.message.bytes"); known && int(limit) < c.spec.MaxMessageBytes-HeadRoom {
		c.warn("%s takes records of %d bytes, the settings allow larger events: producers cannot publish them. "+
			"Change it, on the other topics first: %s", c.spec.Name, limit, c.alter("max.message.bytes", c.spec.MaxMessageBytes))
	}
}

// beside compares a topic that is not the live topic with it.
func (c *check) beside(t, live *topic, liveName string) {
	have, need := len(t.partitions), len(live.partitions)
	switch {
	case have < need:
		c.fail("%s has %d partitions and %s has %d; it must have as many. Add some: "+
			"leadhook topics create --partitions %[4]d", c.spec.Name, have, liveName, need)
	case have > need:
		c.warn("%s has %d partitions and %s has %d: more than it needs, as while partitions are added. Add as many to %[3]s, and its "+
			"producers then use other partitions for some advertisers: leadhook topics create --partitions %[2]d",
			c.spec.Name, have, liveName, need)
	}
	limit, known1 := t.number("max.message.bytes")
	largest, known2 := live.number("max.message.bytes")
	if known1 && known2 && limit < largest+HeadRoom {
		c.fail("%s takes records of %d bytes and %s of %d; a large lead with leadhook's headers needs 64 KiB more. Change it: %s",
			c.spec.Name, limit, liveName, largest, c.alter("max.message.bytes", largest+HeadRoom))
	}
}

func forEver(d time.Duration) string {
	if d < 0 {
		return "for ever"
	}
	return d.String()
}
