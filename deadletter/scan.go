package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/leadhook/leadhook/topics"
)

// A Selection is a part of the dead-letter topic as it was at one moment: what
// is added later is not in it.
type Selection struct {
	reader *Reader
	filter Filter
	spans  map[int]span
}

// Select selects the letters that the filter wants and that are there now.
func (r *Reader) Select(ctx context.Context, f Filter) (*Selection, error) {
	s := &Selection{reader: r, filter: f}
	err := whileElecting(ctx, func() (err error) {
		s.spans, err = r.spans(ctx, &f)
		return err
	})
	if err != nil {
		return nil, r.failed(err, topics.AnyPartition)
	}
	return s, nil
}

// Only narrows the selection to the letter at one place.
func (s *Selection) Only(partition int, offset int64) *Selection {
	only := *s
	at := s.spans[partition]
	only.spans = map[int]span{partition: {max(at.first, offset), min(at.end, offset+1)}}
	return &only
}

// Each calls visit with every letter of the selection, one call at a time, in
// the order of each partition; some partitions are read at the same time. With
// events, a letter has its LeadID and the event itself (Message.Value), which
// take time and are left out otherwise. It ends with the first error, of visit,
// of Kafka, or of ctx. It may be called more than once: letters that retention
// has deleted meanwhile are passed over.
func (s *Selection) Each(ctx context.Context, events bool, visit func(l *Letter) error) error {
	count := s.reader.count(s.spans)
	var mu sync.Mutex // held while visit runs
	var ended error   // guarded by mu: what visit returned; the context ends only some time after that
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(sideBySide)
	for partition, span := range maps.All(s.spans) {
		readers.Go(func() error {
			return s.reader.read(ctx, partition, span, count, func(found *found) error {
				if !s.filter.Wants(&found.Letter) {
					return nil
				}
				letter := found.Letter
				if events {
					var err error
					if letter, err = found.letter(true); err != nil {
						return err
					}
				}
				mu.Lock()
				defer mu.Unlock()
				if err := cmp.Or(ended, context.Cause(ctx)); err != nil {
					return err
				}
				ended = visit(&letter)
				return ended
			})
		})
	}
	return readers.Wait()
}

// Get returns the letter at one place, with its event (Message.Value). The
// error says so if there is none.
func (r *Reader) Get(ctx context.Context, partition int, offset int64) (Letter, error) {
	all, err := r.Select(ctx, Filter{})
	if err != nil {
		return Letter{}, err
	}
	at, exists := all.spans[partition]
	missing := fmt.Sprintf("there is no dead letter %d/%d: ", partition, offset)
	switch {
	case !exists:
		return Letter{}, fmt.Errorf("%sthe topic %s has no partition %d", missing, r.topic, partition)
	case at.first == at.end:
		return Letter{}, fmt.Errorf("%spartition %d has none", missing, partition)
	case offset < at.first || offset >= at.end:
		return Letter{}, fmt.Errorf("%spartition %d has those from %d to %d", missing, partition, at.first, at.end-1)
	}
	var got *Letter
	err = all.Only(partition, offset).Each(ctx, true, func(l *Letter) error {
		got = l
		return nil
	})
	if err == nil && got == nil {
		err = errors.New(missing + "the offset has no record")
	}
	if err != nil {
		return Letter{}, err
	}
	return *got, nil
}

// read calls see with the letters of a span, fewer where offsets have no record
// or retention has taken some meanwhile.
func (r *Reader) read(ctx context.Context, partition int, s span, count *counter, see func(*found) error) error {
	within := func(found *found) error {
		if found.Offset >= s.end {
			return nil
		}
		return see(found)
	}
	for at := s.first; at < s.end; {
		next, err := r.fetch(ctx, partition, at, immediately, within)
		if errors.Is(err, kafka.OffsetOutOfRange) {
			next, err = r.restart(ctx, partition, at)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if refused, ok := errors.AsType[*visitError](err); ok {
			return refused.err
		}
		if err != nil {
			return r.failed(err, partition)
		}
		if next <= at {
			break // the partition has become shorter
		}
		count.add(min(next, s.end) - at)
		at = next
	}
	return nil
}

// A visitError is what see returned: nothing that Kafka has to do with.
type visitError struct{ err error }

func (e *visitError) Error() string { return e.err.Error() }

// A counter tells somebody how much was read.
type counter struct {
	of   int64
	done atomic.Int64
	tell func(done, of int64) // nil: nobody
}

func (r *Reader) count(spans map[int]span) *counter {
	c := &counter{tell: r.Progress}
	for _, s := range spans {
		c.of += s.end - s.first
	}
	return c
}

func (c *counter) add(n int64) {
	if done := c.done.Add(n); c.tell != nil {
		c.tell(done, c.of)
	}
}
