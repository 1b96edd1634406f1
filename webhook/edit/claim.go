package edit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/topic"
)

// An owner is a webhook's id and the advertiser that it belongs to, or shall belong to.
type owner struct{ webhook, advertiser string }

// claim gives ids to advertisers, once for ever, before anything is written under them.
// The error names every id that belongs to another advertiser.
func (e *Editor) claim(ctx context.Context, epoch string, wanted []owner) error {
	return inChunks(wanted, func(part []owner) error { return e.claimPart(ctx, epoch, part) })
}

func (e *Editor) claimPart(ctx context.Context, epoch string, wanted []owner) error {
	bases, err := e.Log.Current(ctx, epoch, keysOf(wanted))
	if err != nil {
		return err
	}
	var records []topic.Record
	var others []owner // whose ids are claimed already
	for _, w := range wanted {
		key := entry.IDKey(w.webhook)
		number, ok := e.reclaimable(w.webhook, bases[key])
		if !ok {
			others = append(others, w)
			continue
		}
		sealed, err := entry.SealOwner(e.Log.Boxes, w.webhook, entry.Stamp{Epoch: epoch, Number: number, Change: entry.NewID()}, w.advertiser)
		if err != nil {
			return err
		}
		records = append(records, topic.Record{Key: key, Value: sealed.Value()})
	}
	if len(records) == 0 {
		return e.foreign(others, bases)
	}
	if err := e.publish(ctx, records); err != nil {
		return err
	}
	if err := e.readOn(ctx, epoch, bases); err != nil {
		return err
	}
	published := 0
	for _, w := range wanted {
		key := entry.IDKey(w.webhook)
		if published == len(records) || records[published].Key != key {
			continue
		}
		if !bytes.Equal(bases[key].Value, records[published].Value) {
			others = append(others, w) // somebody else was first
		}
		published++
	}
	return e.foreign(others, bases)
}

func keysOf(owners []owner) []string {
	keys := make([]string, len(owners))
	for i, o := range owners {
		keys[i] = entry.IDKey(o.webhook)
	}
	return keys
}

// checkOwners returns an error for each id that belongs to another advertiser already, but for
// those that are discarded.
func (e *Editor) checkOwners(ctx context.Context, epoch string, wanted []owner) error {
	var mu sync.Mutex
	var errs []error // guarded by mu
	err := inChunks(wanted, func(part []owner) error {
		bases, err := e.Log.Current(ctx, epoch, keysOf(part))
		if err != nil {
			return err
		}
		known := slices.DeleteFunc(slices.Clone(part), func(o owner) bool { return e.discards[entry.IDKey(o.webhook)] })
		foreign := e.foreign(known, bases)
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, foreign)
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(errs...)
}

// foreign returns an error for each id that another advertiser has, or whose owner cannot
// be read. Ids that nobody has are in order.
func (e *Editor) foreign(wanted []owner, bases map[string]follow.Base) error {
	var errs []error
	for _, w := range wanted {
		base := bases[entry.IDKey(w.webhook)]
		if base.Value == nil {
			continue
		}
		switch now, err := e.ownerIn(w.webhook, base); {
		case err != nil:
			errs = append(errs, err)
		case now != w.advertiser:
			errs = append(errs, fmt.Errorf("webhook %q belongs to advertiser %q and cannot be given to %q: choose another id",
				w.webhook, now, w.advertiser))
		}
	}
	return errors.Join(errs...)
}

// ownerIn returns the advertiser that an id belongs to, from the id's entry.
func (e *Editor) ownerIn(webhook string, base follow.Base) (string, error) {
	advertiser, err := entry.ReadOwner(e.Log.Boxes, webhook, base.Value)
	if err != nil {
		return "", fmt.Errorf("webhook %q: whose id it is cannot be read: %w; if that cannot be put right, %s", webhook, err, replaceIt)
	}
	return advertiser, nil
}
