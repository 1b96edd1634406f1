package subscription

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// What is what a seed did with a webhook.
type What string

// What a seed can do with a webhook.
const (
	Added     What = "added"
	Changed   What = "changed"
	Unchanged What = "unchanged"
)

// A Change is what a seed did with one webhook.
type Change struct {
	Webhook, Advertiser string
	What                What
}

// Changes lists what a seed did, in the order of the webhooks it was given.
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

// Seed writes webhooks and returns what it did with each. Webhooks that are
// not among them stay as they are. An advertiser's webhooks change all at
// once, and the same transaction announces it to the instances. The marker
// that makes look-ups trust what they find is written last.
//
// Nothing is written if a webhook is not valid, an id is given twice, or an id
// belongs to another advertiser in Redis: an id stays with its advertiser for
// ever. After any other error some may be written: the Changes say which, and
// seeding the same again completes it.
func (s *Store) Seed(ctx context.Context, hooks []lead.Webhook) (Changes, error) {
	items, err := newItems(hooks)
	if err != nil {
		return nil, err
	}
	token := rand.Text()
	if err := s.begin(ctx, token); err != nil {
		return nil, fmt.Errorf("beginning to seed: %w; nothing was written", err)
	}
	if err := s.compare(ctx, items); err != nil {
		return nil, fmt.Errorf("reading what is in Redis already: %w; nothing was written", err)
	}
	if err := conflicts(items); err != nil {
		return nil, fmt.Errorf("%w\nnothing was written", err)
	}
	if err := s.claim(ctx, items); err != nil {
		return nil, fmt.Errorf("claiming webhook ids: %w; no webhook was written, seed again", err)
	}
	err = s.write(ctx, items)
	if err == nil {
		err = s.mark(ctx, token)
	}
	done := changes(items)
	if err != nil {
		return done, fmt.Errorf("seeding: %w; %d of %d webhooks are in Redis, seed again to complete it",
			err, len(done), len(items))
	}
	return done, nil
}

// An item is one webhook on its way into Redis.
type item struct {
	Change
	record string
	owner  string // whom the id belongs to in Redis; empty: nobody yet
	done   bool   // Redis holds the record
}

func newItems(hooks []lead.Webhook) ([]*item, error) {
	var errs []error
	seen := make(map[string]bool, len(hooks))
	items := make([]*item, len(hooks))
	for i := range hooks {
		h := &hooks[i]
		for _, c := range check(h) {
			errs = append(errs, fmt.Errorf("webhook %q: %s", h.ID, c.text))
		}
		if seen[h.ID] {
			errs = append(errs, fmt.Errorf("webhook %q is given twice", h.ID))
		}
		seen[h.ID] = true
		stored, err := encode(h)
		errs = append(errs, err)
		items[i] = &item{Change: Change{Webhook: h.ID, Advertiser: h.Advertiser}, record: stored}
	}
	return items, errors.Join(errs...)
}

func changes(items []*item) Changes {
	var done Changes
	for _, it := range items {
		if it.done {
			done = append(done, it.Change)
		}
	}
	return done
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

// compare finds out whom the ids belong to, and what there is to do.
func (s *Store) compare(ctx context.Context, items []*item) error {
	owners := make([]*redis.StringCmd, chunk)
	records := make([]*redis.StringCmd, chunk)
	for part := range slices.Chunk(items, chunk) {
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, it := range part {
				owners[i] = p.HGet(ctx, ownersKey(share(it.Webhook)), it.Webhook)
				records[i] = p.HGet(ctx, webhooksKey(it.Advertiser), it.Webhook)
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
	}
	return nil
}

func (it *item) compare(stored *redis.StringCmd) {
	switch {
	case stored.Err() != nil:
		it.What = Added
	case stored.Val() != it.record:
		it.What = Changed
	default:
		it.What, it.done = Unchanged, true
	}
}

// notNil passes over redis.Nil, the error of a field that does not exist.
func notNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

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
