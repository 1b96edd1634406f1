package recovery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/shares"
)

// seen is what the topic and Redis were like when they were read.
type seen struct {
	end    int64    // of the topic
	epochs []string // that Redis has something of
	places string   // of their shares
	before int64    // how far the topic reached before, as far as is known
}

// collect adds what the topic and Redis have to found.
func (r *Recovery) collect(ctx context.Context, found entries) (s seen, err error) {
	if s.end, err = r.Log.Topic.End(ctx); err != nil {
		return seen{}, fmt.Errorf("reading the topic of webhooks: %w", err)
	}
	if s.epochs, err = r.Log.Shares.Epochs(ctx); err != nil {
		return seen{}, err
	}
	if err := r.collectTopic(ctx, found); err != nil {
		return seen{}, err
	}
	var filled int64
	if s.places, filled, err = r.places(ctx, s.epochs); err != nil {
		return seen{}, err
	}
	s.before = max(s.end, filled)
	for _, epoch := range s.epochs {
		for share := range shares.Count {
			if err := r.collectShare(ctx, epoch, share, found); err != nil {
				return seen{}, err
			}
		}
	}
	return s, nil
}

// collectTopic adds what counts in the topic's epoch, or, where its first record is lost,
// in each of which it has records.
func (r *Recovery) collectTopic(ctx context.Context, found entries) error {
	start, err := r.Log.Topic.Start(ctx)
	if err != nil {
		return fmt.Errorf("reading the topic of webhooks: %w", err)
	}
	only, err := r.Log.Begun(ctx)
	if err != nil && !errors.Is(err, follow.ErrNotBegun) && !errors.Is(err, follow.ErrWentBack) {
		return err
	}
	r.copied = ""
	if _, err := r.Log.Epoch(ctx); only != "" && (errors.Is(err, follow.ErrNotBegun) || errors.Is(err, follow.ErrWentBack)) {
		r.copied = only
	}
	type place struct{ epoch, key string }
	counting := make(map[place][]byte)
	for record, err := range r.Log.Records(ctx, start) {
		if err != nil {
			return err
		}
		e, err := entry.Parse(record.Value)
		if err != nil || only != "" && e.Epoch != only {
			continue
		}
		at := place{e.Epoch, record.Key}
		if _, isID := entry.WebhookOf(record.Key); (isID || entry.IsAdvertiser(record.Key)) && follow.Counts(e.Epoch, counting[at], record.Value) {
			counting[at] = record.Value
		}
	}
	for at, value := range counting {
		r.merge(found, at.key, value)
	}
	return nil
}

func (r *Recovery) collectShare(ctx context.Context, epoch string, share int, found entries) error {
	for record, err := range r.Log.Shares.All(ctx, epoch, share) {
		if errors.Is(err, shares.ErrNotFilled) {
			return nil // there is nothing of this share in this epoch
		}
		if err != nil {
			return err
		}
		r.merge(found, record.Key, record.Value)
	}
	return nil
}

// places returns where all shares of all epochs are, as a text to be compared, and how far
// the furthest is filled.
func (r *Recovery) places(ctx context.Context, epochs []string) (places string, filled int64, err error) {
	var text strings.Builder
	for _, epoch := range epochs {
		states := r.Log.Shares.States(ctx, epoch)
		for n := range states {
			if err := states[n].Err; err != nil {
				return "", 0, err
			}
			filled = max(filled, states[n].Applied)
			fmt.Fprintf(&text, "%s %d %s\n", epoch, n, states[n].Place)
		}
	}
	return text.String(), filled, nil
}

// merge adds an entry unless a newer one of its key is there.
func (r *Recovery) merge(found entries, key string, value []byte) {
	if now := found[key]; now == nil || r.newer(key, now, value) {
		found[key] = value
	}
}

// newer reports whether an entry is newer than another one of the same key: it is of a
// later epoch, or made from the other one. An epoch that was never opened is not later:
// what it has was copied from what an earlier recovery had found by then.
func (r *Recovery) newer(key string, now, value []byte) bool {
	next, err := entry.Parse(value)
	if err != nil {
		return false
	}
	old, err := entry.Parse(now)
	if err != nil || next.Epoch != old.Epoch && next.Epoch != r.copied && old.Epoch != r.copied {
		return err != nil || next.Epoch > old.Epoch
	}
	if next.Number >= old.Number+entry.MaxHistory {
		return true
	}
	if !entry.IsAdvertiser(key) {
		return false
	}
	list, err := entry.OpenList(r.Log.Boxes, key, &next)
	if err != nil {
		return next.Number > old.Number
	}
	return next.Change != old.Change && list.Has(old.Change)
}
