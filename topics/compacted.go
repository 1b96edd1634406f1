package topics

import "time"

const (
	// webhooksLag is how long each change of webhooks stays in its topic. Of two that
	// contradict each other the later one is left in a compacted log, even if the earlier
	// one counts; in this time leadhook puts that right.
	webhooksLag = 7 * 24 * time.Hour

	// largestWebhooks is the largest record in the topic of the webhooks, with its batch.
	largestWebhooks = 1 << 20
)

// webhooksSpec returns the spec of the topic of the webhooks, which is kept as safely
// as the live topic.
func webhooksSpec(live Spec) Spec {
	return Spec{
		Name:              WebhooksName(live.Name),
		Partitions:        1, // its order is the order of all changes
		ReplicationFactor: live.ReplicationFactor,
		MinInsync:         live.MinInsync,
		MaxMessageBytes:   DefaultMaxBytes,
		LogAppendTime:     true,
		CompactionLag:     webhooksLag,
	}
}

// compacted checks a topic that keeps the newest record of each key.
func (c *check) compacted(t *topic) {
	if have := len(t.partitions); have != c.spec.Partitions {
		c.fail("%s has %d partitions and must have %d, since the order of all changes matters. Partitions cannot be "+
			"removed: if it is still empty, delete it (kafka-topics.sh --bootstrap-server %s --delete --topic %[1]s) "+
			"and create it: leadhook topics create", c.spec.Name, have, c.spec.Partitions, c.brokers)
	}
	if policy, known := t.config["cleanup.policy"]; known && policy != "compact" {
		c.fail("%s has cleanup.policy %s: Kafka would remove webhooks that nobody has changed for a while, and their "+
			"leads would be sent nowhere. Change it: %s", c.spec.Name, policy, c.alter("cleanup.policy", "compact"))
	}
	want := c.spec.CompactionLag
	if lag, known := t.number("min.compaction.lag.ms"); known && lag < want.Milliseconds() {
		c.fail("%s has min.compaction.lag.ms %d, and must keep each change for %v: of two that contradict each other, "+
			"Kafka could drop the one that counts. Change it: %s",
			c.spec.Name, lag, want, c.alter("min.compaction.lag.ms", want.Milliseconds()))
	}
	if limit, known := t.number("max.message.bytes"); known && limit < largestWebhooks {
		c.fail("%s takes records of %d bytes, and the webhooks of an advertiser with their history may have %d. Change it: %s",
			c.spec.Name, limit, largestWebhooks, c.alter("max.message.bytes", c.spec.MaxMessageBytes))
	}
}
