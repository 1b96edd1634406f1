package webhook

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// ErrNoWebhook is the error of asking for a webhook that is not in Redis.
var ErrNoWebhook = errors.New("there is no such webhook")

// Find reads one webhook by its id; it may have Damaged set. The error is
// [ErrNoWebhook], [ErrNotSeeded], or says that Redis could not be asked.
func (s *Store) Find(ctx context.Context, id string) (*lead.Webhook, error) {
	advertiser, err := s.rdb.HGet(ctx, ownersKey(share(id)), id).Result()
	if notNil(err) != nil {
		return nil, fmt.Errorf("reading webhooks from Redis: %w", err)
	}
	hooks, err := s.records(ctx, []owned{{id, advertiser}})
	if err != nil {
		return nil, err
	}
	if hooks[0] != nil {
		return hooks[0], nil
	}
	if err := s.Seeded(ctx); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("webhook %q: %w", id, ErrNoWebhook)
}

// Seeded asks for the markers of all shares: its error is [ErrNotSeeded] if one
// is missing, so that what is in Redis need not be all there should be.
func (s *Store) Seeded(ctx context.Context) error {
	markers := make([]*redis.IntCmd, shares)
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range markers {
			markers[n] = p.Exists(ctx, markerKey(n))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the seed's markers from Redis: %w", err)
	}
	if slices.ContainsFunc(markers, func(m *redis.IntCmd) bool { return m.Val() == 0 }) {
		return ErrNotSeeded
	}
	return nil
}

// All yields every webhook behind the one with the id after, which need not
// exist; from the first, if after is empty. It holds the ids of one share and
// some hundred records at a time. The order is that of the shares, and of the
// ids within each: the same on every Redis and for ever, so that the last id of
// a page is where the next one begins, whatever was added or removed meanwhile.
//
// A webhook that is there all the time is yielded once; one that comes or goes
// meanwhile may be. Damaged ones are among them. An error is the last thing
// that is yielded: [ErrNotSeeded], also if Redis lost its data meanwhile.
func (s *Store) All(ctx context.Context, after string) iter.Seq2[*lead.Webhook, error] {
	return func(yield func(*lead.Webhook, error) bool) {
		if err := s.Seeded(ctx); err != nil {
			yield(nil, err)
			return
		}
		for part, err := range s.owned(ctx, after) {
			var hooks []*lead.Webhook
			if err == nil {
				hooks, err = s.records(ctx, part)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, h := range hooks {
				if h != nil && !yield(h, nil) {
					return
				}
			}
		}
		if err := s.Seeded(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// An owned id belongs to its advertiser for ever. Its webhook may be gone, or
// not be written yet.
type owned struct{ webhook, advertiser string }

// owned yields the ids behind after in parts of at most a chunk.
func (s *Store) owned(ctx context.Context, after string) iter.Seq2[[]owned, error] {
	return func(yield func([]owned, error) bool) {
		first := 0
		if after != "" {
			first = share(after)
		}
		for n := first; n < shares; n++ {
			ids, err := s.ofShare(ctx, n)
			if err != nil {
				yield(nil, err)
				return
			}
			if n == first {
				ids = slices.DeleteFunc(ids, func(id owned) bool { return id.webhook <= after })
			}
			for part := range slices.Chunk(ids, chunk) {
				if !yield(part, nil) {
					return
				}
			}
		}
	}
}

// ofShare reads the ids of a share, sorted, in steps that Redis is not held up
// by.
func (s *Store) ofShare(ctx context.Context, share int) ([]owned, error) {
	owners := make(map[string]string) // Redis may tell one twice
	for cursor := uint64(0); ; {
		pairs, next, err := s.rdb.HScan(ctx, ownersKey(share), cursor, "", chunk).Result()
		if err != nil {
			return nil, fmt.Errorf("reading the ids of webhooks from Redis: %w", err)
		}
		for pair := range slices.Chunk(pairs, 2) {
			owners[pair[0]] = pair[len(pair)-1]
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	ids := make([]owned, 0, len(owners))
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		ids = append(ids, owned{id, owners[id]})
	}
	return ids, nil
}

// records reads webhooks with their standing in one round trip (to each node);
// nil stands for one that is not there.
func (s *Store) records(ctx context.Context, ids []owned) ([]*lead.Webhook, error) {
	stored := make([]*redis.StringCmd, len(ids))
	standing := make([]*redis.SliceCmd, len(ids))
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			stored[i] = p.HGet(ctx, webhooksKey(id.advertiser), id.webhook)
			standing[i] = p.HMGet(ctx, standingKey(id.advertiser), failingField(id.webhook), disabledField(id.webhook))
		}
		return nil
	}) // its error is that of one of the replies
	hooks := make([]*lead.Webhook, len(ids))
	for i, id := range ids {
		if err := errors.Join(notNil(stored[i].Err()), standing[i].Err()); err != nil {
			return nil, fmt.Errorf("reading webhooks from Redis: %w", err)
		}
		if stored[i].Err() != nil {
			continue
		}
		found := make(map[string]string, 2)
		for n, field := range []string{failingField(id.webhook), disabledField(id.webhook)} {
			found[field], _ = standing[i].Val()[n].(string)
		}
		hooks[i] = decode(id.advertiser, id.webhook, stored[i].Val())
		applyStanding(hooks[i], found)
	}
	return hooks, nil
}

// there are those of the ids that have a webhook.
func (s *Store) there(ctx context.Context, ids []owned) ([]owned, error) {
	exist := make([]*redis.BoolCmd, len(ids))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			exist[i] = p.HExists(ctx, webhooksKey(id.advertiser), id.webhook)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var there []owned
	for i, id := range ids {
		if exist[i].Val() {
			there = append(there, id)
		}
	}
	return there, nil
}

// notNil passes over redis.Nil, the error of a field that does not exist.
func notNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}
