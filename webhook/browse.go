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

// Find reads one webhook by its id; it may have Damaged set. The error wraps
// [ErrNoWebhook] or [ErrNotSeeded], or is that of a failed request to Redis.
func (s *Store) Find(ctx context.Context, id string) (*lead.Webhook, error) {
	advertiser, err := s.rdb.HGet(ctx, s.ownersKey(shardOf(id)), id).Result()
	if notNil(err) != nil {
		return nil, fmt.Errorf("reading webhooks from Redis: %w", err)
	}
	hooks, err := s.records(ctx, []ID{{id, advertiser}})
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

// Seeded returns nil if every shard has the marker of a seed. The error is
// [ErrNotSeeded] if a shard has none, since webhooks may be missing then, or that of
// a failed request to Redis.
func (s *Store) Seeded(ctx context.Context) error {
	markers := make([]*redis.IntCmd, shards)
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range markers {
			markers[n] = p.Exists(ctx, s.markerKey(n))
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

// All yields every webhook after the one with the given id, which need not
// exist, or from the first if after is empty. It holds the ids of one shard and
// a few hundred records at a time. Webhooks come in the order of the shards, and
// of the ids within each: the same on every Redis and for ever. So the last id of
// a page is where the next page begins, whatever was added or removed meanwhile.
//
// A webhook that exists all the time is yielded once; one that is added or removed
// meanwhile may or may not be yielded. Damaged webhooks are included. After an error
// nothing more is yielded; the error is [ErrNotSeeded] also if Redis lost its data
// meanwhile.
func (s *Store) All(ctx context.Context, after string) iter.Seq2[*lead.Webhook, error] {
	return func(yield func(*lead.Webhook, error) bool) {
		if err := s.Seeded(ctx); err != nil {
			yield(nil, err)
			return
		}
		for part, err := range s.ids(ctx, after) {
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

// An ID is the id of a webhook, and the advertiser that it belongs to.
type ID struct{ Webhook, Advertiser string }

// ids yields the ids after the given one, in parts of at most a chunk. An id
// belongs to its advertiser for ever; its webhook may be removed, or not be
// written yet.
func (s *Store) ids(ctx context.Context, after string) iter.Seq2[[]ID, error] {
	return func(yield func([]ID, error) bool) {
		first := 0
		if after != "" {
			first = shardOf(after)
		}
		for n := first; n < shards; n++ {
			ids, err := s.idsOfShard(ctx, n)
			if err != nil {
				yield(nil, err)
				return
			}
			if n == first {
				ids = slices.DeleteFunc(ids, func(id ID) bool { return id.Webhook <= after })
			}
			for part := range slices.Chunk(ids, chunk) {
				if !yield(part, nil) {
					return
				}
			}
		}
	}
}

// idsOfShard reads the ids of a shard, sorted, in steps that are too small to
// hold up Redis.
func (s *Store) idsOfShard(ctx context.Context, shard int) ([]ID, error) {
	owners := make(map[string]string) // Redis may return one twice
	for cursor := uint64(0); ; {
		pairs, next, err := s.rdb.HScan(ctx, s.ownersKey(shard), cursor, "", chunk).Result()
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
	ids := make([]ID, 0, len(owners))
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		ids = append(ids, ID{id, owners[id]})
	}
	return ids, nil
}

// records reads webhooks with their health in one round trip (to each node); nil
// stands for a webhook that does not exist.
func (s *Store) records(ctx context.Context, ids []ID) ([]*lead.Webhook, error) {
	stored := make([]*redis.StringCmd, len(ids))
	health := make([]*redis.SliceCmd, len(ids))
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			stored[i] = p.HGet(ctx, s.webhooksKey(id.Advertiser), id.Webhook)
			health[i] = p.HMGet(ctx, s.healthKey(id.Advertiser), failingField(id.Webhook), disabledField(id.Webhook))
		}
		return nil
	}) // its error is that of one of the replies
	hooks := make([]*lead.Webhook, len(ids))
	for i, id := range ids {
		if err := errors.Join(notNil(stored[i].Err()), health[i].Err()); err != nil {
			return nil, fmt.Errorf("reading webhooks from Redis: %w", err)
		}
		if stored[i].Err() != nil {
			continue
		}
		found := make(map[string]string, 2)
		for n, field := range []string{failingField(id.Webhook), disabledField(id.Webhook)} {
			found[field], _ = health[i].Val()[n].(string)
		}
		hooks[i] = decode(id.Advertiser, id.Webhook, stored[i].Val())
		applyHealth(hooks[i], found)
	}
	return hooks, nil
}

// existing returns those of the ids that have a webhook.
func (s *Store) existing(ctx context.Context, ids []ID) ([]ID, error) {
	exist := make([]*redis.BoolCmd, len(ids))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			exist[i] = p.HExists(ctx, s.webhooksKey(id.Advertiser), id.Webhook)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var existing []ID
	for i, id := range ids {
		if exist[i].Val() {
			existing = append(existing, id)
		}
	}
	return existing, nil
}

// notNil returns err unless it is redis.Nil, the error of a field that does not
// exist.
func notNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}
