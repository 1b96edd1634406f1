package follow

import (
	"context"
	"fmt"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
)

// A Base is the entry that a key has, and up to where in the topic that is known. Value
// is nil if it has none.
type Base struct {
	Value []byte
	At    int64
}

// Current returns the entries that keys have in an epoch now: everything that was
// acknowledged before the call is in them. It takes them from Redis, which it fills where
// it is behind, and while Redis cannot be used from the topic, which it then reads as a
// whole.
func (l *Log) Current(ctx context.Context, epoch string, keys []string) (map[string]Base, error) {
	end, err := l.end(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := l.Fill(ctx, epoch, end); err != nil {
		return nil, err
	}
	bases := make(map[string]Base, len(keys))
	missing, topic := false, l.comparison()
	for i, a := range l.Shares.Get(ctx, epoch, keys) {
		if missing = missing || a.Err != nil || a.Applied < end; missing {
			break
		}
		if err := topic.holds(ctx, a.Place); err != nil {
			return nil, err
		}
		bases[keys[i]] = Base{a.Value, a.Applied}
	}
	if !missing {
		return bases, nil
	}
	for _, key := range keys {
		bases[key] = Base{}
	}
	return bases, l.Advance(ctx, epoch, bases, end)
}

// Advance brings bases up to an offset of the topic.
func (l *Log) Advance(ctx context.Context, epoch string, bases map[string]Base, end int64) error {
	from := end
	for _, b := range bases {
		from = min(from, b.At)
	}
	for r, err := range l.Records(ctx, from) {
		if err != nil {
			return err
		}
		if r.Offset >= end {
			break
		}
		if b, ok := bases[r.Key]; ok && r.Offset >= b.At && Counts(epoch, b.Value, r.Value) {
			bases[r.Key] = Base{r.Value, r.Offset + 1}
		}
	}
	for key, b := range bases {
		bases[key] = Base{b.Value, max(b.At, end)}
	}
	return nil
}

// Counts reports whether an entry replaces the stored one, which may be nil.
func Counts(epoch string, stored, value []byte) bool {
	if value == nil {
		return false
	}
	next, err := entry.Parse(value)
	if err != nil || next.Epoch != epoch {
		return false
	}
	if stored == nil {
		return true
	}
	now, err := entry.Parse(stored)
	return err != nil || next.Number > now.Number
}

// Filled fills Redis up to the present end of the topic and returns nil if every share
// can be read up to there.
func (l *Log) Filled(ctx context.Context, epoch string) error {
	end, err := l.end(ctx)
	if err != nil {
		return err
	}
	states, err := l.Fill(ctx, epoch, end)
	if err != nil {
		return err
	}
	return firstError(&states)
}

func firstError(states *[shares.Count]shares.State) error {
	for n := range states {
		if err := states[n].Err; err != nil {
			return fmt.Errorf("filling Redis from the topic of webhooks: %w", err)
		}
	}
	return nil
}
