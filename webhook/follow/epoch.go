package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/topic"
)

// opened is what is known of the record that opens an epoch.
type opened struct {
	epoch string
	at    int64 // where it was found; -1: not yet
	read  int64 // up to where it was looked for
}

// Epoch returns the epoch of the log: the one that its first record begins, at offset 0,
// if it is open. The error is [ErrNotBegun] if the first webhooks were not, or not all,
// published yet, and [ErrWentBack] if Redis has some of another epoch then, or the log
// does not begin with an epoch.
func (l *Log) Epoch(ctx context.Context) (string, error) {
	epoch, err := l.Begun(ctx)
	if err == nil {
		err = l.isOpen(ctx, epoch)
	}
	if !errors.Is(err, ErrNotBegun) {
		return epoch, err
	}
	if others, err := l.others(ctx, epoch); err == nil && others {
		return "", ErrWentBack
	}
	return "", err
}

// Begun returns the epoch that the log's first record begins, be it open or not. An epoch
// that begins anywhere else means nothing: whoever wrote it was too late. The error is
// [ErrNotBegun] if the log is empty.
func (l *Log) Begun(ctx context.Context) (string, error) {
	chunk, err := l.Topic.Fetch(ctx, 0, 0, 1)
	switch {
	case errors.Is(err, topic.ErrOutOfRange):
		return "", fmt.Errorf("%w (its first records are gone)", ErrWentBack)
	case err != nil:
		return "", unread(err)
	case chunk.End == 0:
		return "", ErrNotBegun
	case len(chunk.Records) == 0 || chunk.Records[0].Offset > 0 || begins(&chunk.Records[0]) == "":
		return "", fmt.Errorf("%w (it does not begin with an epoch)", ErrWentBack)
	}
	return begins(&chunk.Records[0]), nil
}

// isOpen returns nil if the epoch that the log began with is open, and [ErrNotBegun] if
// it is not yet. It reads the topic from the start unless this process or Redis knows
// where the record is that opened it.
func (l *Log) isOpen(ctx context.Context, epoch string) error {
	l.mu.Lock()
	known := l.opened
	l.mu.Unlock()
	err := l.findOpened(ctx, epoch, &known)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened = known // of two at once, one only did some work in vain
	return err
}

// findOpened is isOpen, and begins with what is known.
func (l *Log) findOpened(ctx context.Context, epoch string, known *opened) error {
	if known.epoch != epoch {
		*known = opened{epoch: epoch, at: -1}
		if hinted, at, ok, err := l.Shares.Hint(ctx); err == nil && ok && hinted == epoch {
			known.at = at
		}
	}
	if known.at >= 0 {
		chunk, err := l.Topic.Fetch(ctx, known.at, 0, 1)
		switch {
		case err != nil && !errors.Is(err, topic.ErrOutOfRange):
			return unread(err)
		case err == nil && len(chunk.Records) > 0 && opens(&chunk.Records[0], epoch):
			return nil
		}
		*known = opened{epoch: epoch, at: -1}
	}
	for r, err := range l.Records(ctx, known.read) {
		if err != nil {
			*known = opened{} // the log may be another one
			return err
		}
		if opens(r, epoch) {
			known.at = r.Offset
			_ = l.Shares.SetHint(ctx, epoch, r.Offset) // it only saves work
			return nil
		}
		known.read = r.Offset + 1
	}
	return ErrNotBegun
}

// opens reports whether a record opens an epoch.
func opens(r *topic.Record, epoch string) bool {
	return r.Key == entry.OpenKey(epoch) && r.Value != nil
}

// others reports whether Redis has webhooks of other epochs.
func (l *Log) others(ctx context.Context, epoch string) (bool, error) {
	epochs, err := l.Shares.Epochs(ctx)
	if err != nil {
		return false, fmt.Errorf("looking for webhooks in Redis, as is done before the first ones are written: %w", err)
	}
	return slices.ContainsFunc(epochs, func(e string) bool { return e != epoch }), nil
}

// begins returns the epoch that a record begins, and "" if it begins none.
func begins(r *topic.Record) string {
	epoch, ok := entry.EpochOf(r.Key)
	if !ok || r.Value == nil {
		return ""
	}
	if e, err := entry.Parse(r.Value); err != nil || e.Epoch != epoch {
		return ""
	}
	return epoch
}

// Begin returns the epoch for which the first webhooks are published, or any later ones.
// It begins one if the log is empty. It refuses with [ErrWentBack] where Redis has
// webhooks of another epoch and the log's is not open: something was lost then.
func (l *Log) Begin(ctx context.Context) (string, error) {
	epoch, err := l.Begun(ctx)
	if errors.Is(err, ErrNotBegun) {
		epoch, err = l.beginFirst(ctx)
	}
	if err != nil {
		return "", err
	}
	if err := l.isOpen(ctx, epoch); !errors.Is(err, ErrNotBegun) {
		return epoch, err
	}
	others, err := l.others(ctx, epoch)
	if err == nil && others {
		err = ErrWentBack
	}
	return epoch, err
}

// beginFirst begins an epoch, and returns the one of whoever was first.
func (l *Log) beginFirst(ctx context.Context) (string, error) {
	others, err := l.others(ctx, "")
	if err == nil && others {
		err = ErrWentBack
	}
	if err != nil {
		return "", err
	}
	if err := l.append(ctx, entry.EpochKey, entry.NewEpoch()); err != nil {
		return "", err
	}
	return l.Begun(ctx)
}

// BeginWith begins an epoch in a log that was made anew. It fails if somebody else wrote
// to it first.
func (l *Log) BeginWith(ctx context.Context, epoch string) error {
	if err := l.append(ctx, entry.EpochKey, epoch); err != nil {
		return err
	}
	switch now, err := l.Begun(ctx); {
	case err != nil:
		return err
	case now != epoch:
		return errors.New("somebody else wrote to the topic of webhooks at the same time")
	}
	return nil
}

// Open says that the webhooks with which an epoch begins are all there: from now on, an
// advertiser without webhooks in it has none. It does nothing if that was said before.
func (l *Log) Open(ctx context.Context, epoch string) error {
	if err := l.isOpen(ctx, epoch); !errors.Is(err, ErrNotBegun) {
		return err
	}
	return l.append(ctx, entry.OpenKey, epoch)
}

// append appends a record about an epoch. It does so once: after an error, a record that
// came nonetheless would be there twice, and compaction would remove the first.
func (l *Log) append(ctx context.Context, key func(string) string, epoch string) error {
	e := entry.Entry{Stamp: entry.Stamp{Epoch: epoch, Number: 1, Change: entry.NewID()}}
	if err := l.Topic.Append(ctx, []topic.Record{{Key: key(epoch), Value: e.Value()}}); err != nil {
		return fmt.Errorf("writing to the topic of webhooks: %w", err)
	}
	return nil
}
