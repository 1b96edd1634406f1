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

// longestDelay is the longest that a retry topic may let its records wait.
const longestDelay = 7 * 24 * time.Hour

// RetryName is the name of the retry topic in which the deliveries of a live
// topic wait for delay: leads.retry.10s, leads.retry.1h30m.
func RetryName(live string, delay time.Duration) string {
	return retryPrefix(live) + spell(delay)
}

// RetryDelay is how long the records of a retry topic wait. It returns false
// for every name that [RetryName] does not make of this live topic and some
// delay of whole milliseconds, a week at most.
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

// RetryNames lists the retry topics of a live topic that exist and that this
// user may see, those with the shortest delay first: also those that no setting
// names any more, in which deliveries may still wait. It makes one request at
// most: the client's transport may know the answer, some seconds old.
func RetryNames(ctx context.Context, client *kafka.Client, live string) ([]string, error) {
	res, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, fmt.Errorf("looking for retry topics: %w", reach(err, client))
	}
	delays := make(map[string]time.Duration)
	var topics []string
	for _, t := range res.Topics {
		if delay, ok := RetryDelay(live, t.Name); ok && len(t.Partitions) > 0 {
			delays[t.Name] = delay
			topics = append(topics, t.Name)
		}
	}
	slices.SortFunc(topics, func(a, b string) int { return cmp.Compare(delays[a], delays[b]) })
	return topics, nil
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
