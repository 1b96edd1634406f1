package webhook

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/rules"
)

// Action is what a seed did with a webhook.
type Action string

// What a seed can do with a webhook.
const (
	Added     Action = "added"
	Changed   Action = "changed"
	Unchanged Action = "unchanged"
	Removed   Action = "removed"
)

// A Change is what a seed did with one webhook.
type Change struct {
	Webhook, Advertiser string
	Action              Action
	Fields              []FieldChange // what was changed; empty unless Action is Changed
}

// Changes is what a seed did: first with the webhooks that it was given, in their
// order, and then with those that it removed.
type Changes []Change

// Count returns how many changes are of that action.
func (c Changes) Count(action Action) int {
	n := 0
	for _, change := range c {
		if change.Action == action {
			n++
		}
	}
	return n
}

// chunk is how many webhooks go into one transaction or pipeline, so that other
// clients of Redis do not wait long behind it.
const chunk = 256

// SeedOptions say what a seed does beside adding and changing webhooks.
type SeedOptions struct {
	// PerAdvertiser is how many webhooks an advertiser may have. One that has more
	// already keeps them and gets none in addition. Zero means
	// [rules.PerAdvertiser].
	PerAdvertiser int

	// DryRun finds what there is to do and writes nothing.
	DryRun bool

	// Prune removes the webhooks that are not among the seeded ones. Their ids
	// still belong to their advertisers.
	Prune bool

	// Confirm is called before anything is written if webhooks would be removed,
	// with their number. Its error ends the seed. nil confirms.
	Confirm func(removed int) error

	// Progress is called after every few hundred webhooks with the number of those
	// that are done and of all: first while they are compared, then from zero again
	// while they are written. It may be nil.
	Progress func(done, of int)
}

// Seed writes webhooks and returns what it did with each. Webhooks that are not
// among them stay as they are, unless the options say otherwise. An advertiser's
// webhooks change all at once, and the same transaction announces that to the
// instances. The marker that makes look-ups trust what they find is written last.
//
// Nothing is written if a webhook is not valid, an id is given twice, an id belongs
// to another advertiser in Redis (it stays with its advertiser for ever), or an
// advertiser would get more webhooks than it may have. After any other error some may have been written: the Changes say which, and
// seeding the same webhooks again completes it.
func (s *Store) Seed(ctx context.Context, hooks []lead.Webhook, opts SeedOptions) (Changes, error) {
	items, err := newItems(hooks)
	if err != nil {
		return nil, err
	}
	seed := &seeding{Store: s, SeedOptions: opts, items: items, token: rand.Text()}
	if err := seed.prepare(ctx); err != nil {
		return nil, err
	}
	if opts.DryRun {
		return seed.changes(func(*item) bool { return true }), nil
	}
	if err := seed.claim(ctx); err != nil {
		return nil, fmt.Errorf("claiming webhook ids: %w; no webhook was written, seed again", err)
	}
	err = seed.write(ctx)
	if err == nil {
		err = s.mark(ctx, seed.token)
	}
	done := seed.changes(func(it *item) bool { return it.done })
	if err != nil {
		return done, fmt.Errorf("seeding: %w; %d of %d webhooks are done, seed again to complete it",
			err, len(done), len(seed.items))
	}
	return done, nil
}

// A seeding is one run of [Store.Seed].
type seeding struct {
	*Store
	SeedOptions

	items []*item
	token string
}

// prepare finds what there is to do, and whether it may be done.
func (s *seeding) prepare(ctx context.Context) error {
	if !s.DryRun {
		if err := s.begin(ctx, s.token); err != nil {
			return fmt.Errorf("beginning to seed: %w; nothing was written", err)
		}
	}
	if err := s.compare(ctx); err != nil {
		return fmt.Errorf("reading what is in Redis already: %w; nothing was written", err)
	}
	if err := conflicts(s.items); err != nil {
		return fmt.Errorf("%w\nnothing was written", err)
	}
	var surplus []*item
	if s.Prune {
		var err error
		if surplus, err = s.surplus(ctx); err != nil {
			return fmt.Errorf("reading what else is in Redis: %w; nothing was written", err)
		}
		s.items = append(s.items, surplus...)
	}
	if err := s.crowded(ctx); err != nil {
		return fmt.Errorf("%w\nnothing was written", err)
	}
	if len(surplus) > 0 && s.Confirm != nil && !s.DryRun {
		return s.Confirm(len(surplus))
	}
	return nil
}

func (s *seeding) progress(done, of int) {
	if s.Progress != nil {
		s.Progress(done, of)
	}
}

func (s *seeding) changes(which func(*item) bool) Changes {
	var list Changes
	for _, it := range s.items {
		if which(it) {
			list = append(list, it.Change)
		}
	}
	return list
}

// An item is one webhook on its way into Redis.
type item struct {
	Change
	hook   *lead.Webhook // nil if it is to be removed
	record string        // what is to be stored; empty if it is to be removed
	owner  string        // the advertiser that the id belongs to in Redis; empty if it is new
	done   bool          // Redis has the record, or no longer has it if it was to be removed
}

func newItems(hooks []lead.Webhook) ([]*item, error) {
	var errs []error
	seen := make(map[string]bool, len(hooks))
	items := make([]*item, len(hooks))
	for i := range hooks {
		h := &hooks[i]
		for _, c := range rules.Check(h) {
			errs = append(errs, fmt.Errorf("webhook %q: %s", h.ID, c.Text))
		}
		if seen[h.ID] {
			errs = append(errs, fmt.Errorf("webhook %q is given twice", h.ID))
		}
		seen[h.ID] = true
		stored, err := encode(h)
		errs = append(errs, err)
		items[i] = &item{Change: Change{Webhook: h.ID, Advertiser: h.Advertiser}, hook: h, record: stored}
	}
	return items, errors.Join(errs...)
}

// compare finds which advertisers the ids belong to, and what there is to do.
func (s *seeding) compare(ctx context.Context) error {
	owners := make([]*redis.StringCmd, chunk)
	records := make([]*redis.StringCmd, chunk)
	compared := 0
	for part := range slices.Chunk(s.items, chunk) {
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, it := range part {
				owners[i] = p.HGet(ctx, s.ownersKey(shardOf(it.Webhook)), it.Webhook)
				records[i] = p.HGet(ctx, s.webhooksKey(it.Advertiser), it.Webhook)
			}
			return nil
		})
		for i, it := range part {
			err = cmp.Or(notNil(err), notNil(owners[i].Err()), notNil(records[i].Err()))
			it.owner = owners[i].Val()
			it.compare(records[i])
		}
		if err != nil {
			return err
		}
		compared += len(part)
		s.progress(compared, len(s.items))
	}
	return nil
}

func (it *item) compare(stored *redis.StringCmd) {
	switch {
	case stored.Err() != nil:
		it.Action = Added
	case stored.Val() != it.record:
		it.Action = Changed
		it.Fields = difference(decode(it.Advertiser, it.Webhook, stored.Val()), it.hook)
	default:
		it.Action, it.done = Unchanged, true
	}
}

// conflicts returns an error for each id that belongs to another advertiser in Redis.
func conflicts(items []*item) error {
	var errs []error
	for _, it := range items {
		if it.owner != "" && it.owner != it.Advertiser {
			errs = append(errs, fmt.Errorf("webhook %q belongs to advertiser %q and cannot be given to %q: choose another id",
				it.Webhook, it.owner, it.Advertiser))
		}
	}
	return errors.Join(errs...)
}
