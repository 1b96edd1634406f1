package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// repairTime is for how long one process alone repairs a share.
const repairTime = 5 * time.Second

// Repair publishes again the entries of marked keys: those after which the topic has a
// record that did not count. Compaction keeps only the last record of a key, and would
// keep that one. It looks at the shares whose states say that they have marks and are
// filled up to end; an entry that does not open stays marked.
func (l *Log) Repair(ctx context.Context, epoch string, end int64, states *[shares.Count]shares.State) error {
	var errs []error
	for n := range states {
		if s := &states[n]; s.Err == nil && s.Marks > 0 && s.Applied >= end {
			errs = append(errs, l.repair(ctx, epoch, n))
		}
	}
	return errors.Join(errs...)
}

func (l *Log) repair(ctx context.Context, epoch string, share int) error {
	owner := entry.NewID()
	if ok, err := l.Shares.Lease(ctx, share, owner, repairTime); err != nil || !ok {
		return err
	}
	defer func() { _ = l.Shares.Release(context.WithoutCancel(ctx), share, owner) }()
	place, marked, err := l.Shares.Marked(ctx, epoch, share)
	if err != nil {
		return fmt.Errorf("reading marked webhooks from Redis: %w", err)
	}
	if end, err := l.Topic.End(ctx); err != nil || place.Applied != end {
		return err // what was published meanwhile may be the repair
	}
	var records []topic.Record
	for key, value := range marked {
		if r, err := l.repaired(key, value); err == nil {
			records = append(records, r)
		}
	}
	return l.Topic.Append(ctx, records)
}

// repaired returns the record that stores the same entry again, under a greater number.
func (l *Log) repaired(key string, value []byte) (topic.Record, error) {
	e, err := entry.Parse(value)
	if err != nil {
		return topic.Record{}, err
	}
	next, err := entry.Restamp(l.Boxes, key, &e, entry.Stamp{Epoch: e.Epoch, Number: e.Number + 1, Change: entry.AfterID(e.Change)})
	if err != nil {
		return topic.Record{}, err
	}
	return topic.Record{Key: key, Value: next.Value()}, nil
}
