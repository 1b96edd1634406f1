package edit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/rules"
)

// write changes the lists.
func (s *seeding) write(ctx context.Context) error {
	s.forget(s.order, nil)
	s.counted, s.replaced = 0, nil
	return inChunks(s.order, func(part []string) error {
		done, err := s.change(ctx, s.epochNow, part, s.edit)
		for _, advertiser := range part {
			s.noteDiscarded(advertiser, done[advertiser])
		}
		if err != nil {
			s.forget(part, done)
			return err
		}
		s.progress(part)
		return nil
	})
}

// edit is what the seed does with one advertiser's list.
func (s *seeding) edit(advertiser string, l *entry.List) (*entry.List, []entry.WebhookChange, error) {
	next := *l
	next.Webhooks = slices.Clone(l.Webhooks)
	edits := s.discarded(advertiser, l)
	for _, i := range s.of(advertiser) {
		s.found[i] = putInto(&next, s.hooks.At(int(i)))
		if s.found[i].Action != Unchanged {
			edits = append(edits, s.found[i])
		}
	}
	for _, id := range s.surplus[advertiser] {
		if removeFrom(&next, id) {
			change := entry.WebhookChange{Webhook: id, Action: entry.Removed}
			s.mu.Lock()
			s.foundOf[id] = change
			s.mu.Unlock()
			edits = append(edits, change)
		}
	}
	if err := conflict(edits, s.before(advertiser), l); err != nil {
		return nil, nil, err
	}
	most := cmp.Or(s.PerAdvertiser, rules.PerAdvertiser)
	if n := len(next.Webhooks); n > most && n > len(l.Webhooks) {
		return nil, nil, fmt.Errorf("it has %d webhooks and would have %d, at most %d are allowed"+
			" (webhooks.per_advertiser): remove those that it no longer needs", len(l.Webhooks), n, most)
	}
	return &next, edits, nil
}

// putInto puts a webhook into a list, in the place of the one with the same id.
func putInto(l *entry.List, h *lead.Webhook) entry.WebhookChange {
	next := *h
	change := entry.WebhookChange{Webhook: h.ID, Action: entry.Added}
	for i, now := range l.Webhooks {
		if now.ID != h.ID {
			continue
		}
		next.Enabled = now.Enabled
		if next.Version = entry.Version(&next); now.Version == next.Version {
			change.Action = Unchanged
			return change
		}
		change.Action, change.Fields = entry.Changed, webhook.Difference(now, &next)
		l.Webhooks[i] = &next
		return change
	}
	next.Version = entry.Version(&next)
	l.Webhooks = append(l.Webhooks, &next)
	return change
}

// removeFrom removes a webhook from a list, and reports whether it was there.
func removeFrom(l *entry.List, id string) bool {
	before := len(l.Webhooks)
	l.Webhooks = slices.DeleteFunc(l.Webhooks, func(h *lead.Webhook) bool { return h.ID == id })
	return len(l.Webhooks) < before
}

// forget forgets what was found about advertisers, but those that were changed.
func (s *seeding) forget(advertisers []string, done map[string][]entry.WebhookChange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, advertiser := range advertisers {
		if _, ok := done[advertiser]; ok {
			continue
		}
		for _, i := range s.of(advertiser) {
			s.found[i] = entry.WebhookChange{}
		}
		for _, id := range s.surplus[advertiser] {
			delete(s.foundOf, id)
		}
	}
}
