package edit

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// ErrNotResealed is the error of a [Editor.Reseal] that left entries as they are since
// they do not open.
var ErrNotResealed = errors.New("it does not open, and stays as it is")

// Reseal publishes again, with the same contents, all entries whose boxes are not current.
// It may run while leads are delivered: webhooks stay the versions that they are. It
// needs Redis. It returns how many entries it published; the error has those that do not
// open, each with [ErrNotResealed]. Repeating it after another error completes it.
func (e *Editor) Reseal(ctx context.Context, current func(box []byte) bool) (done int, err error) {
	epoch, err := e.Log.Epoch(ctx)
	if err != nil {
		return 0, err
	}
	for {
		n, err := e.resealOnce(ctx, epoch, current)
		if done += n; err != nil || n == 0 {
			return done, err
		}
	}
}

// resealOnce reseals what it finds. Where somebody else changed an entry at the same time,
// it is found again.
func (e *Editor) resealOnce(ctx context.Context, epoch string, current func(box []byte) bool) (done int, err error) {
	if err := e.Log.Filled(ctx, epoch); err != nil {
		return 0, err
	}
	var unread []error
	for share := range shares.Count {
		var records []topic.Record
		for r, err := range e.Log.Shares.All(ctx, epoch, share) {
			if err != nil {
				return done, err
			}
			next, err := e.resealed(r.Key, r.Value, current)
			if err != nil {
				unread = append(unread, err)
			} else if next != nil {
				records = append(records, *next)
			}
		}
		if err := e.publish(ctx, records); err != nil {
			return done, err
		}
		done += len(records)
	}
	return done, errors.Join(unread...)
}

// resealed returns the record that an entry is published again with, and nil if its box
// is current.
func (e *Editor) resealed(key string, value []byte, current func(box []byte) bool) (*topic.Record, error) {
	stored, err := entry.Parse(value)
	if err == nil && current(stored.Box) {
		return nil, nil //nolint:nilnil // nothing to do is no error
	}
	var next *entry.Entry
	if err == nil {
		stamp := entry.Stamp{Epoch: stored.Epoch, Number: stored.Number + 1, Change: entry.AfterID(stored.Change)}
		next, err = entry.Restamp(e.Log.Boxes, key, &stored, stamp)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", key, ErrNotResealed, err)
	}
	return &topic.Record{Key: key, Value: next.Value()}, nil
}
