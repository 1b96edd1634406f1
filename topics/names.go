package topics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// longestDelay is the longest that a retry topic may make its records wait.
const longestDelay = 7 * 24 * time.Hour

// DeadLetterName returns the name of the dead-letter topic of a live topic.
func DeadLetterName(live string) string { return live + ".dlq" }

// ReceiptsName returns the name of the topic of the receipts for the leads of a live topic.
func ReceiptsName(live string) string { return live + ".receipts" }

// WebhooksName returns the name of the topic that keeps the webhooks for the leads of a
// live topic.
func WebhooksName(live string) string { return live + ".webhooks" }

// RetryName returns the name of the retry topic in which the deliveries of a live
// topic wait for delay: leads.retry.10s, leads.retry.1h30m.
func RetryName(live string, delay time.Duration) string {
	return retryPrefix(live) + spell(delay)
}

// RetryDelay returns how long the records of a retry topic wait. It returns false if
// [RetryName] does not return this name for the live topic and any delay of whole
// milliseconds, up to a week.
func RetryDelay(live, topic string) (time.Duration, bool) {
	spelt, ok := strings.CutPrefix(topic, retryPrefix(live))
	if !ok {
		return 0, false
	}
	delay, err := time.ParseDuration(spelt)
	if err != nil || delay <= 0 || delay > longestDelay || delay%time.Millisecond != 0 || spell(delay) != spelt {
		return 0, false
	}
	return delay, true
}

// RetryNames lists the retry topics of a live topic that exist and that this user
// may see, those with the shortest delay first. It includes topics that no setting
// names any longer: deliveries may still wait in them. It makes at most one
// request; the client's transport may answer from its cache, which is some seconds
// old.
func RetryNames(ctx context.Context, client *kafka.Client, live string) ([]string, error) {
	res, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, fmt.Errorf("looking for retry topics: %w", explain(err, client))
	}
	delays := make(map[string]time.Duration)
	var names []string
	for _, t := range res.Topics {
		if delay, ok := RetryDelay(live, t.Name); ok && len(t.Partitions) > 0 {
			delays[t.Name] = delay
			names = append(names, t.Name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(delays[a], delays[b]) })
	return names, nil
}

func retryPrefix(live string) string { return live + ".retry." }

// spell writes a duration as people do: 1m, not 1m0s.
func spell(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
