package deadletter

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/segmentio/kafka-go"
)

// read calls visit with the letters of a range. Offsets without a record, and letters
// that retention has deleted meanwhile, are skipped.
func (r *Reader) read(ctx context.Context, partition int, s offsetRange, count *counter, visit func(*found) error) error {
	within := func(found *found) error {
		if found.Offset >= s.end {
			return nil
		}
		return visit(found)
	}
	for at := s.first; at < s.end; {
		next, err := r.fetch(ctx, partition, at, immediately, within)
		if errors.Is(err, kafka.OffsetOutOfRange) {
			next, err = r.validOffset(ctx, partition, at)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if refused, ok := errors.AsType[*visitError](err); ok {
			return refused.err
		}
		if err != nil {
			return r.readError(err, partition)
		}
		if next <= at {
			break // the partition has become shorter
		}
		count.add(min(next, s.end) - at)
		at = next
	}
	return nil
}

// A visitError is an error of the function that a letter was passed to, not of
// Kafka.
type visitError struct{ err error }

func (e *visitError) Error() string { return e.err.Error() }

// A counter reports progress, see [Reader.Progress].
type counter struct {
	of     int64
	done   atomic.Int64
	report func(done, of int64) // may be nil
}

// count returns a counter for reading all of the ranges.
func (r *Reader) count(ranges map[int]offsetRange) *counter {
	c := &counter{report: r.Progress}
	for _, s := range ranges {
		c.of += s.end - s.first
	}
	return c
}

func (c *counter) add(n int64) {
	if done := c.done.Add(n); c.report != nil {
		c.report(done, c.of)
	}
}
