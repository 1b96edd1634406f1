package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// bounds are the first and the end offset of a partition's log.
type bounds struct{ first, end int64 }

// bounds asks the brokers for the logs of the assigned partitions, by topic
// and partition.
func (s *session) bounds(ctx context.Context) (map[string]map[int]bounds, error) {
	all := make(map[string]map[int]bounds, len(s.gen.Assignments))
	for topic, assigned := range s.gen.Assignments {
		first, err := s.offsets(ctx, topic, assigned, kafka.FirstOffsetOf)
		if err != nil {
			return nil, err
		}
		end, err := s.offsets(ctx, topic, assigned, kafka.LastOffsetOf)
		if err != nil {
			return nil, err
		}
		all[topic] = make(map[int]bounds, len(assigned))
		for _, a := range assigned {
			all[topic][a.ID] = bounds{first[a.ID].FirstOffset, end[a.ID].LastOffset}
		}
	}
	return all, nil
}

func (s *session) offsets(ctx context.Context, topic string, assigned []kafka.PartitionAssignment,
	of func(partition int) kafka.OffsetRequest,
) (map[int]kafka.PartitionOffsets, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	var requests []kafka.OffsetRequest
	for _, a := range assigned {
		requests = append(requests, of(a.ID))
	}
	resp, err := s.c.opts.Client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: requests},
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the offsets of %s: %w", topic, err)
	}
	found := make(map[int]kafka.PartitionOffsets, len(assigned))
	for _, p := range resp.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("ask for the offsets of %s/%d: %w", topic, p.Partition, p.Error)
		}
		found[p.Partition] = p
	}
	for _, a := range assigned {
		if _, ok := found[a.ID]; !ok {
			return nil, fmt.Errorf("ask for the offsets of %s/%d: no answer", topic, a.ID)
		}
	}
	return found, nil
}

// starts finds where each assigned partition is to be read from. It waits as
// long as the brokers do not tell.
func (s *session) starts(ctx context.Context) (map[string]map[int]int64, error) {
	logs, err := s.settledBounds(ctx)
	if err != nil {
		return nil, err
	}
	starts := make(map[string]map[int]int64, len(logs))
	for topic, assigned := range s.gen.Assignments {
		starts[topic] = make(map[int]int64, len(assigned))
		for _, a := range assigned {
			starts[topic][a.ID] = s.start(topic, a, logs[topic][a.ID])
		}
	}
	return starts, nil
}

var errEndsEarly = errors.New("a log ends before the committed offset")

// settledBounds returns the bounds of the logs. Just after a change of leader
// a log can seem to end too early until its followers have caught up: such an
// end is believed only when it stays.
func (s *session) settledBounds(ctx context.Context) (logs map[string]map[int]bounds, err error) {
	const believedAfter = 10 * time.Second
	var early time.Time
	ask := func() error {
		if err = s.exist(ctx); err != nil {
			return err
		}
		if logs, err = s.bounds(ctx); err != nil || !s.endsEarly(logs) {
			return err
		}
		if early.IsZero() {
			early = time.Now()
		}
		if time.Since(early) > believedAfter {
			return nil
		}
		return errEndsEarly
	}
	wait := newBackOff(100*time.Millisecond, 5*time.Second)
	err = backoff.RetryNotify(ask, backoff.WithContext(wait, ctx), func(err error, _ time.Duration) {
		s.c.health.away(err)
	})
	return logs, err
}

// exist returns an error if a topic does not: without one there is nothing to
// be assigned, and a member with nothing to do would look well.
func (s *session) exist(ctx context.Context) error {
	meta, err := s.c.opts.Client.Metadata(ctx, &kafka.MetadataRequest{Topics: s.m.topics()})
	if err != nil {
		return fmt.Errorf("ask for the topics: %w", err)
	}
	for _, t := range meta.Topics {
		if t.Error != nil {
			err := fmt.Errorf("topic %s: %w", t.Name, t.Error)
			if !s.m.current(ctx) {
				return backoff.Permanent(err) // it is not wanted any more
			}
			return err
		}
	}
	return nil
}

func (s *session) endsEarly(logs map[string]map[int]bounds) bool {
	for topic, assigned := range s.gen.Assignments {
		for _, a := range assigned {
			if a.Offset > logs[topic][a.ID].end {
				return true
			}
		}
	}
	return false
}

// start compares the committed offset with the log, since a committed offset
// outside the log gives no error: reading would silently begin elsewhere.
func (s *session) start(topic string, a kafka.PartitionAssignment, log bounds) int64 {
	where := []zap.Field{
		zap.String("topic", topic), zap.Int("partition", a.ID), zap.Int64("offset", a.Offset),
		zap.Int64("log_first", log.first), zap.Int64("log_end", log.end),
	}
	switch {
	case a.Offset < 0: // the group has committed nothing here yet
		return log.first
	case a.Offset < log.first:
		s.c.metrics.recordsLost.Add(float64(log.first - a.Offset))
		s.c.log.Error("records are gone: retention removed them before they were read;"+
			" lengthen the topic's retention", where...)
		return log.first
	case a.Offset > log.end:
		s.c.metrics.logRewound.Inc()
		s.c.log.Error("the log ends before the committed offset: the topic was made again, or an unclean"+
			" leader election lost records; reading all that is there, leads may arrive twice", where...)
		return log.first
	}
	return a.Offset
}
