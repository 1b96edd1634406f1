package edit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
)

// compare finds what there is to do.
func (s *seeding) compare(ctx context.Context) error {
	var mu sync.Mutex
	var errs []error // guarded by mu
	err := inChunks(s.order, func(part []string) error {
		bases, err := s.Log.Current(ctx, s.epochNow, part)
		if err != nil {
			return err
		}
		wrong := s.comparePart(part, bases)
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, wrong)
		s.progress(part)
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(errs...)
}

// comparePart finds what there is to do for some advertisers.
func (s *seeding) comparePart(part []string, bases map[string]follow.Base) error {
	var errs []error
	for _, advertiser := range part {
		list, _, err := s.open(advertiser, bases[advertiser])
		if err == nil {
			var edits []entry.WebhookChange
			s.see(advertiser, list)
			_, edits, err = s.edit(advertiser, list)
			s.noteDiscarded(advertiser, edits)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("advertiser %q: %w", advertiser, err))
		}
	}
	return errors.Join(errs...)
}

// see remembers what the webhooks are that the seed may change.
func (s *seeding) see(advertiser string, l *entry.List) {
	for _, i := range s.of(advertiser) {
		s.seen[i] = fingerprintOf(l.Webhook(s.given[i].webhook))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.surplus[advertiser] {
		s.seenOf[id] = fingerprintOf(l.Webhook(id))
	}
}

// before returns what the webhooks of an advertiser were when they were compared.
func (s *seeding) before(advertiser string) func(webhook string) fingerprint {
	return func(webhook string) fingerprint {
		for _, i := range s.of(advertiser) {
			if s.given[i].webhook == webhook {
				return s.seen[i]
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.seenOf[webhook]
	}
}
