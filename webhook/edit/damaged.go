package edit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/shares"
)

// replaceIt is what to do about what does not open, if its key cannot be found again.
const replaceIt = "leadhook seed --replace-damaged replaces it"

// A Loss is what a seed takes away or replaces beside changing webhooks: for a question
// to a person.
type Loss struct {
	Removed int // webhooks that the seed does not have
	Lists   int // advertisers of which all that is stored does not open
	Owners  int // ids of which nobody can read whose they are
}

// findDamaged finds which lists and owners of the seed do not open, and lets them be
// replaced.
func (s *seeding) findDamaged(ctx context.Context) (err error) {
	s.discards = make(map[string]bool)
	s.loss.Owners, err = s.discard(ctx, keysOf(s.given), func(key string, e *entry.Entry) error {
		id, _ := entry.WebhookOf(key)
		_, err := entry.OpenOwner(s.Log.Boxes, id, e)
		return err
	})
	if err == nil && s.loss.Owners > 0 {
		err = s.nobodyElseHas(ctx)
	}
	if err != nil {
		return err
	}
	s.loss.Lists, err = s.discard(ctx, s.order, func(advertiser string, e *entry.Entry) error {
		_, err := entry.OpenList(s.Log.Boxes, advertiser, e)
		return err
	})
	return err
}

// discard lets those entries be replaced that do not open, and returns how many.
func (s *seeding) discard(ctx context.Context, keys []string, open func(key string, e *entry.Entry) error) (int, error) {
	found := 0
	for part := range slices.Chunk(keys, chunk) {
		bases, err := s.Log.Current(ctx, s.epochNow, part)
		if err != nil {
			return 0, err
		}
		for _, key := range part {
			// Without a stamp, which is in clear, nobody knows which number would count.
			if e, err := entry.Parse(bases[key].Value); err == nil && open(key, &e) != nil {
				s.discards[key] = true
				found++
			}
		}
	}
	return found, nil
}

// nobodyElseHas looks through all lists for the webhooks whose ids' owners do not open. The
// error has those that another advertiser has.
func (s *seeding) nobodyElseHas(ctx context.Context) error {
	if err := s.Log.Filled(ctx, s.epochNow); err != nil {
		return err
	}
	given := make(map[string]string, s.loss.Owners)
	for _, o := range s.given {
		if s.discards[entry.IDKey(o.webhook)] {
			given[o.webhook] = o.advertiser
		}
	}
	var errs []error
	for share := range shares.Count {
		for r, err := range s.Log.Shares.All(ctx, s.epochNow, share) {
			if err != nil {
				return err
			}
			if list, _, err := s.open(r.Key, follow.Base{Value: r.Value}); err == nil { // a list that opens
				errs = append(errs, kept(r.Key, list, given))
			}
		}
	}
	return errors.Join(errs...)
}

// kept returns an error for each webhook of an advertiser that is given to another one.
func kept(advertiser string, l *entry.List, given map[string]string) error {
	var errs []error
	for _, h := range l.Webhooks {
		if to := given[h.ID]; to != "" && to != advertiser {
			errs = append(errs, fmt.Errorf("webhook %q is among those of advertiser %q and cannot be given to %q", h.ID, advertiser, to))
		}
	}
	return errors.Join(errs...)
}

// discarded returns the change that replaces an advertiser's list that does not open. A
// list that opens has a history: somebody else has replaced it meanwhile.
func (s *seeding) discarded(advertiser string, l *entry.List) []entry.WebhookChange {
	if !s.discards[advertiser] || len(l.History) > 0 {
		return nil
	}
	return []entry.WebhookChange{{Action: entry.Discarded}}
}

// noteDiscarded remembers advertisers whose lists were replaced, or would be.
func (s *seeding) noteDiscarded(advertiser string, edits []entry.WebhookChange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(edits) > 0 && edits[0].Action == entry.Discarded {
		s.replaced = append(s.replaced, advertiser)
	}
}

// reclaimable returns the number of a record that gives an id to an advertiser, if there
// may be one.
func (e *Editor) reclaimable(webhook string, base follow.Base) (number int64, ok bool) {
	if base.Value == nil {
		return 1, true
	}
	if !e.discards[entry.IDKey(webhook)] {
		return 0, false
	}
	if _, err := e.ownerIn(webhook, base); err == nil {
		return 0, false // somebody else was first
	}
	stored, err := entry.Parse(base.Value)
	return stored.Number + 1, err == nil
}

func unreadable(err error) error {
	return fmt.Errorf("its stored webhooks cannot be read: %w; if that cannot be put right, %s", err, replaceIt)
}
