package deadletter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/topics"
)

// An offsetRange is a range of offsets in a partition, the end excluded.
type offsetRange struct{ first, end int64 }

// overtaking is how much older than its predecessor a record may be: instances that
// publish at the same time overtake each other, and their clocks differ.
const overtaking = time.Minute

// ranges asks Kafka for the offsets that each partition has at present, and limits
// them to the times of the filter.
func (r *Reader) ranges(ctx context.Context, f *Filter) (map[int]offsetRange, error) {
	partitions, err := topics.Partitions(ctx, r.client, r.topic)
	if err != nil {
		return nil, err
	}
	var asked []kafka.OffsetRequest
	for _, p := range partitions {
		asked = append(asked, kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
	}
	ranges, err := r.offsets(ctx, asked)
	if err != nil {
		return nil, err
	}
	if !f.Since.IsZero() {
		err = r.bound(ctx, ranges, f.Since, func(s *offsetRange, at int64) { s.first = max(s.first, min(at, s.end)) })
	}
	if err == nil && !f.Until.IsZero() {
		err = r.bound(ctx, ranges, f.Until.Add(overtaking), func(s *offsetRange, at int64) { s.end = max(s.first, min(at, s.end)) })
	}
	return ranges, err
}

// bound calls set with the first offset of each partition whose record is not
// older than t, or the partition's end if all are older.
func (r *Reader) bound(ctx context.Context, ranges map[int]offsetRange, t time.Time, set func(s *offsetRange, at int64)) error {
	var asked []kafka.OffsetRequest
	for p := range ranges {
		asked = append(asked, kafka.TimeOffsetOf(p, t))
	}
	answers, err := r.ask(ctx, asked)
	if err != nil {
		return err
	}
	for _, p := range answers {
		s := ranges[p.Partition]
		at := s.end
		for offset := range p.Offsets {
			if offset >= 0 {
				at = offset
			}
		}
		set(&s, at)
		ranges[p.Partition] = s
	}
	return nil
}

// offsets returns the answers to requests for first and last offsets, by partition.
func (r *Reader) offsets(ctx context.Context, asked []kafka.OffsetRequest) (map[int]offsetRange, error) {
	answers, err := r.ask(ctx, asked)
	if err != nil {
		return nil, err
	}
	ranges := make(map[int]offsetRange)
	for _, p := range answers {
		ranges[p.Partition] = offsetRange{p.FirstOffset, p.LastOffset}
	}
	return ranges, nil
}

func (r *Reader) ask(ctx context.Context, asked []kafka.OffsetRequest) ([]kafka.PartitionOffsets, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := r.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{r.topic: asked},
	})
	if err != nil {
		return nil, err
	}
	for _, p := range res.Topics[r.topic] {
		if p.Error != nil {
			return nil, p.Error
		}
	}
	return res.Topics[r.topic], nil
}

// whileElecting retries while a partition has no leader: it was just created, or
// just lost its leader, and gets one within seconds.
func whileElecting(ctx context.Context, try func() error) error {
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMaxInterval(time.Second), backoff.WithMaxElapsedTime(electionTime))
	return backoff.Retry(func() error {
		err := try()
		if errors.Is(err, kafka.NotLeaderForPartition) || errors.Is(err, kafka.LeaderNotAvailable) {
			return err
		}
		return backoff.Permanent(err)
	}, backoff.WithContext(wait, ctx))
}

// readError says in words why the topic, or one partition of it, cannot be read.
func (r *Reader) readError(err error, partition int) error {
	at := topics.Partition{Topic: r.topic, Number: partition}
	if partition == topics.AnyPartition {
		return fmt.Errorf("reading %s: %w", r.what, at.Explain(err, r.client.Addr.String()))
	}
	return fmt.Errorf("reading %s of %s: %w", r.what, at, at.Explain(err, r.client.Addr.String()))
}
