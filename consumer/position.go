package consumer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
)

// bounds are the first offset of a partition's log, and the offset after its
// last record.
type bounds struct{ first, end int64 }

// listBounds asks the brokers for the bounds of all assigned partitions, by topic
// and partition.
func (s *session) listBounds(ctx context.Context) (map[string]map[int]bounds, error) {
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
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
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

// startOffsets returns the offset from which each assigned partition is to be
// read, by topic and partition. It blocks until the brokers answer, or ctx ends.
func (s *session) startOffsets(ctx context.Context) (map[string]map[int]int64, error) {
	logs, err := s.stableBounds(ctx)
	if err != nil {
		return nil, err
	}
	starts := make(map[string]map[int]int64, len(logs))
	for topic, assigned := range s.gen.Assignments {
		starts[topic] = make(map[int]int64, len(assigned))
		for _, a := range assigned {
			starts[topic][a.ID] = s.startOffset(topic, a, logs[topic][a.ID])
		}
	}
	return starts, nil
}

var errEndsEarly = errors.New("a log ends before the committed offset")

// stableBounds returns the bounds of the logs. Just after a change of leader a
// log can seem to end before the committed offset, until its followers have
// caught up. It believes such an end only if it stays for ten seconds. It blocks
// until the brokers answer, or ctx ends.
func (s *session) stableBounds(ctx context.Context) (logs map[string]map[int]bounds, err error) {
	const believedAfter = 10 * time.Second
	var early time.Time
	ask := func() error {
		if err = s.checkTopics(ctx); err != nil {
			return err
		}
		if logs, err = s.listBounds(ctx); err != nil || !s.endsEarly(logs) {
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
	backOff := wait.Endless(100*time.Millisecond, 5*time.Second)
	err = backoff.RetryNotify(ask, backoff.WithContext(backOff, ctx), func(err error, _ time.Duration) {
		s.c.health.cannotJoin(err)
	})
	return logs, err
}

// checkTopics returns an error if a topic is missing. A missing topic has no
// partitions to be assigned, so that nothing else would fail. The error is
// permanent if the topics are outdated: the membership ends.
func (s *session) checkTopics(ctx context.Context) error {
	meta, err := s.c.opts.Client.Metadata(ctx, &kafka.MetadataRequest{Topics: s.m.topics()})
	if err != nil {
		return fmt.Errorf("ask for the topics: %w", err)
	}
	if err = topicsError(meta.Topics); err != nil && !s.m.stillCurrent(ctx) {
		return backoff.Permanent(err)
	}
	return err
}

// topicsError returns nil, or an error that names the missing topics, or else the
// first other error.
func topicsError(topics []kafka.Topic) error {
	var missing []string
	var first error
	for _, t := range topics {
		switch {
		case errors.Is(t.Error, kafka.UnknownTopicOrPartition):
			missing = append(missing, t.Name)
		case t.Error != nil && first == nil:
			first = fmt.Errorf("topic %s: %w", t.Name, t.Error)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing topics: %s; create them: leadhook topics create", strings.Join(missing, ", "))
	}
	return first
}

// endsEarly reports whether a log ends before its committed offset.
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

// startOffset returns the offset from which to read one partition. It compares
// the committed offset with the log, since a committed offset outside the log
// is not an error: Kafka would silently begin elsewhere.
func (s *session) startOffset(topic string, a kafka.PartitionAssignment, log bounds) int64 {
	where := []zap.Field{
		zap.String("topic", topic), zap.Int("partition", a.ID), zap.Int64("offset", a.Offset),
		zap.Int64("log_first", log.first), zap.Int64("log_end", log.end),
	}
	switch {
	case a.Offset < 0: // the group has committed nothing here yet
		return log.first
	case a.Offset < log.first:
		s.c.metrics.recordsLost.Add(float64(log.first - a.Offset))
		s.c.log.Error("records lost: retention removed them before they were read;"+
			" lengthen the topic's retention", where...)
		return log.first
	case a.Offset > log.end:
		s.c.metrics.logRewound.Inc()
		s.c.log.Error("log ends before the committed offset: the topic was recreated, or an unclean leader"+
			" election lost records; reading it from the beginning, leads may be delivered twice", where...)
		return log.first
	}
	return a.Offset
}
