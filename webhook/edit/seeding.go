package edit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/rules"
)

// A seeding is one run of [Editor.Seed]. It keeps little of each webhook: there may be
// hundreds of thousands.
type seeding struct {
	*Editor // of this seed alone
	SeedOptions

	epochNow string
	hooks    Webhooks            // as they were given
	given    []owner             // their ids and advertisers
	sorted   []int32             // their indexes, by advertiser
	order    []string            // the advertisers, sorted, and after wanted of them those of which webhooks are only removed
	begins   []int32             // where in sorted the webhooks of each of the first ones begin, and their end
	surplus  map[string][]string // by advertiser, the webhooks that are removed
	removed  []owner             // all of these, in the order in which they were found
	total    int                 // of the webhooks

	loss Loss

	// What the webhooks were when they were compared, what there is to do with each, or
	// was done: of hooks by index, each chunk has its own, and of those that are removed
	// by id. Not the lists, which would take too much memory.
	seen  []fingerprint
	found []entry.WebhookChange

	mu       sync.Mutex
	seenOf   map[string]fingerprint         // guarded by mu
	foundOf  map[string]entry.WebhookChange // guarded by mu
	replaced []string                       // the advertisers whose lists did not open and are to be replaced, or were; guarded by mu
	counted  int                            // webhooks of which Progress was told; guarded by mu
}

// take checks the webhooks and sorts them by advertiser.
func (s *seeding) take() error {
	var errs []error
	var secret error
	s.total = s.hooks.Len()
	s.given, s.sorted = make([]owner, s.total), make([]int32, s.total)
	s.seen, s.found = make([]fingerprint, s.total), make([]entry.WebhookChange, s.total)
	for i := range s.given {
		h := s.hooks.At(i)
		s.given[i], s.sorted[i] = owner{h.ID, h.Advertiser}, int32(i)
		secret = cmp.Or(secret, entry.AllowsSecrets(s.Log.Boxes, h))
		for _, wrong := range rules.Check(h) {
			errs = append(errs, fmt.Errorf("webhook %q: %s", h.ID, wrong.Text))
		}
	}
	s.sortBy(func(o *owner) string { return o.webhook })
	for n, i := range s.sorted {
		if id := s.given[i].webhook; n > 0 && id == s.given[s.sorted[n-1]].webhook {
			errs = append(errs, fmt.Errorf("webhook %q is given twice", id))
		}
	}
	s.sortBy(func(o *owner) string { return o.advertiser })
	for n, i := range s.sorted {
		if advertiser := s.given[i].advertiser; n == 0 || advertiser != s.given[s.sorted[n-1]].advertiser {
			s.order = append(s.order, advertiser)
			s.begins = append(s.begins, int32(n))
		}
	}
	s.begins = append(s.begins, int32(len(s.sorted)))
	return errors.Join(append(errs, secret)...)
}

// sortBy sorts the indexes of the webhooks by a text, and those with the same one as
// they were given.
func (s *seeding) sortBy(text func(*owner) string) {
	slices.SortFunc(s.sorted, func(a, b int32) int {
		return cmp.Or(strings.Compare(text(&s.given[a]), text(&s.given[b])), cmp.Compare(a, b))
	})
}

// of returns the indexes of an advertiser's webhooks.
func (s *seeding) of(advertiser string) []int32 {
	n, given := slices.BinarySearch(s.order[:len(s.begins)-1], advertiser)
	if !given {
		return nil
	}
	return s.sorted[s.begins[n]:s.begins[n+1]]
}

// prepare finds what there is to do, and whether it may be done.
func (s *seeding) prepare(ctx context.Context) error {
	if s.epochNow == "" {
		return s.comparePart(s.order, nil)
	}
	if s.Prune {
		if err := s.findSurplus(ctx); err != nil {
			return fmt.Errorf("reading what else there is: %w; nothing was written", err)
		}
	}
	if s.ReplaceDamaged {
		if err := s.findDamaged(ctx); err != nil {
			return fmt.Errorf("looking for what does not open: %w; nothing was written", err)
		}
	}
	if err := s.checkOwners(ctx, s.epochNow, s.given); err != nil {
		return fmt.Errorf("%w\nnothing was written", err)
	}
	if err := s.compare(ctx); err != nil {
		return fmt.Errorf("%w\nnothing was written", err)
	}
	s.loss.Removed = len(s.foundOf) // the others are of lists that do not open
	if s.loss != (Loss{}) && s.Confirm != nil && !s.DryRun {
		return s.Confirm(s.loss)
	}
	return nil
}

// findSurplus finds the webhooks that the seed does not have: they are to be removed.
func (s *seeding) findSurplus(ctx context.Context) error {
	kept := make(map[string]bool, len(s.given))
	for _, g := range s.given {
		kept[g.webhook] = true
	}
	s.surplus = make(map[string][]string)
	s.seenOf, s.foundOf = make(map[string]fingerprint), make(map[string]entry.WebhookChange)
	for h, err := range (webhook.Catalog{Log: s.Log, Epoch: s.epochNow}).All(ctx, "") {
		if err != nil {
			return err
		}
		if h.Advertiser == "" && !s.ReplaceDamaged {
			return fmt.Errorf("webhook %q: %s", h.ID, h.Damaged)
		}
		if h.Advertiser == "" || kept[h.ID] {
			continue
		}
		if s.surplus[h.Advertiser] == nil && s.of(h.Advertiser) == nil {
			s.order = append(s.order, h.Advertiser)
		}
		s.surplus[h.Advertiser] = append(s.surplus[h.Advertiser], h.ID)
		s.removed = append(s.removed, owner{h.ID, h.Advertiser})
		s.total++
	}
	return nil
}

// changes returns what was found, or done.
func (s *seeding) changes() Changes {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list Changes
	for i := range s.given {
		if s.found[i].Action != "" {
			list = append(list, Change{s.given[i].advertiser, s.found[i]})
		}
	}
	for _, r := range s.removed {
		if change, ok := s.foundOf[r.webhook]; ok {
			list = append(list, Change{r.advertiser, change})
		}
	}
	for _, advertiser := range s.replaced {
		list = append(list, Change{advertiser, entry.WebhookChange{Action: entry.Discarded}})
	}
	return list
}

// progress says that some advertisers are done.
func (s *seeding) progress(advertisers []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, advertiser := range advertisers {
		s.counted += len(s.of(advertiser)) + len(s.surplus[advertiser])
	}
	if s.Progress != nil {
		s.Progress(s.counted, s.total)
	}
}
