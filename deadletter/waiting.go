package deadletter

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/topics"
)

// EachWaiting calls visit with what waits in the retry topics of a live topic and the filter
// wants, one call at a time: what was published there up to now and is behind what the
// consumer group has committed. What is settled and not committed yet is among it. A letter's
// NotBefore says when it is due, and Buried when it was published to that topic. events is as
// in [Selection.Each].
//
// It does not join the group. It returns the first error, of visit, of Kafka or of ctx.
func EachWaiting(ctx context.Context, client *kafka.Client, live, group string, f Filter, events bool, visit func(l *Letter) error) error {
	names, err := topics.RetryNames(ctx, client, live)
	if err != nil {
		return err
	}
	for _, name := range names {
		r := NewReader(client, name, zap.NewNop())
		r.what = "what waits"
		s, err := r.Select(ctx, f)
		if err != nil {
			return err
		}
		if err := s.skipCommitted(ctx, group); err != nil {
			return err
		}
		if err := s.Each(ctx, events, visit); err != nil {
			return err
		}
	}
	return nil
}

// skipCommitted leaves out what the group has committed.
func (s *Selection) skipCommitted(ctx context.Context, group string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	topic := s.reader.topic
	answer, err := s.reader.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{
		GroupID: group, Topics: map[string][]int{topic: slices.Sorted(maps.Keys(s.ranges))},
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return fmt.Errorf("asking what the group %s has committed: %w", group, s.reader.readError(err, topics.AnyPartition))
	}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return fmt.Errorf("asking what the group %s has committed: %w", group, s.reader.readError(p.Error, p.Partition))
		}
		if of, ok := s.ranges[p.Partition]; ok { // an offset of -1 is none
			of.first = min(max(of.first, p.CommittedOffset), of.end)
			s.ranges[p.Partition] = of
		}
	}
	return nil
}
