package webhook

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/rules"
)

// What is what a seed did with a webhook.
type What string

// What a seed can do with a webhook.
const (
	Added     What = "added"
	Changed   What = "changed"
	Unchanged What = "unchanged"
	Removed   What = "removed"
)

// A Change is what a seed did with one webhook.
type Change struct {
	Webhook, Advertiser string
	What                What
	Fields              []FieldChange // of one that was changed
}

// A FieldChange is a field before and after a change, as [Fields] shows them
// with secrets masked: the same twice, if only what is hidden differs. Empty is
// a field that is not set.
type FieldChange struct{ Field, Before, After string }

// Changes lists what a seed did, in the order of the webhooks it was given;
// behind them what it removed.
type Changes []Change

// Count says with how many webhooks the seed did that.
func (c Changes) Count(what What) int {
	n := 0
	for _, change := range c {
		if change.What == what {
			n++
		}
	}
	return n
}

// chunk is how many webhooks go into one transaction or pipeline, so that no
// other client of Redis waits long behind it.
const chunk = 256

// SeedOptions say what else a seed does than to add and change webhooks.
type SeedOptions struct {
	// DryRun finds out what there is to do, and writes nothing.
	DryRun bool

	// Prune removes the webhooks that are not among the ones seeded. Their ids
	// stay their advertisers'.
	Prune bool

	// Confirm is asked before anything is written, if webhooks would be removed,
	// and how many. Its error ends the seed. nil lets them go.
	Confirm func(removed int) error

	// Progress hears how many of how many webhooks are done, after every few
	// hundred: first of comparing, then from zero of writing. nil does not want
	// to know.
	Progress func(done, of int)
}

// Seed writes webhooks and returns what it did with each. Webhooks that are
// not among them stay as they are, unless the options say otherwise. An
// advertiser's webhooks change all at once, and the same transaction announces
// it to the instances. The marker that makes look-ups trust what they find is
// written last.
//
// Nothing is written if a webhook is not valid, an id is given twice, or an id
// belongs to another advertiser in Redis: an id stays with its advertiser for
// ever. After any other error some may be written: the Changes say which, and
// seeding the same again completes it.
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

// prepare finds out what there is to do, and whether it may be done.
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
	if !s.Prune {
		return nil
	}
	surplus, err := s.surplus(ctx)
	if err != nil {
		return fmt.Errorf("reading what else is in Redis: %w; nothing was written", err)
	}
	s.items = append(s.items, surplus...)
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
	hook   *lead.Webhook // nil: to be removed
	record string
	owner  string // whom the id belongs to in Redis; empty: nobody yet
	done   bool   // Redis holds the record, or does not any more
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

// seedTime is how long a seed may take.
const seedTime = time.Hour

func tokenKey(share int, token string) string { return key(share, "seeding:"+token) }

// begin leaves a token in every share. If it is not there any more at the
// end, Redis was emptied meanwhile, and what was found or written before that
// is gone.
func (s *Store) begin(ctx context.Context, token string) error {
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range shares {
			p.Set(ctx, tokenKey(n, token), 1, seedTime)
		}
		return nil
	})
	return err
}

// markScript writes the marker if the token is still there, which then goes by
// itself: sent twice, by a client that tries again, it does the same.
const markScript = `if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
redis.call("EXPIRE", KEYS[1], 10)
redis.call("SET", KEYS[2], "1")
return 1`

// mark writes the marker of every share.
func (s *Store) mark(ctx context.Context, token string) error {
	replies := make([]*redis.Cmd, shares)
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range replies {
			replies[n] = p.Eval(ctx, markScript, []string{tokenKey(n, token), markerKey(n)})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing the marker: %w", err)
	}
	for _, reply := range replies {
		if marked, err := reply.Int(); err != nil || marked != 1 {
			return errors.Join(err, fmt.Errorf("Redis lost its data meanwhile, or it took longer than %v", seedTime))
		}
	}
	return nil
}
