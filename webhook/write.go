package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/webhook/rules"
)

// claim gives each new id to its advertiser before anything is written under
// it. If two seeds want one id for two advertisers at once, one of them gets it.
func (s *seeding) claim(ctx context.Context) error {
	unowned := make([]*item, 0, len(s.items))
	for _, it := range s.items {
		if it.owner == "" {
			unowned = append(unowned, it)
		}
	}
	owners := make([]*redis.StringCmd, chunk)
	for part := range slices.Chunk(unowned, chunk) {
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, it := range part {
				key := s.ownersKey(shardOf(it.Webhook))
				p.HSetNX(ctx, key, it.Webhook, it.Advertiser)
				owners[i] = p.HGet(ctx, key, it.Webhook)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, it := range part {
			it.owner = owners[i].Val()
		}
	}
	return conflicts(unowned)
}

// write writes what is not in Redis yet and removes what must not be there.
// Everything of one advertiser goes into one transaction.
func (s *seeding) write(ctx context.Context) error {
	written, of := 0, 0
	todo := batches(s.items)
	for _, batch := range todo {
		of += len(batch)
	}
	for _, batch := range todo {
		if err := s.writeBatch(ctx, batch); err != nil {
			return err
		}
		for _, it := range batch {
			it.done = true
		}
		written += len(batch)
		s.progress(written, of)
	}
	return nil
}

// batches are the items to be written, each batch of one shard, which is one
// slot of a Cluster, and with all items of its advertisers.
func batches(items []*item) [][]*item {
	byAdvertiser := make(map[string][]*item)
	var order []string
	for _, it := range items {
		if it.done {
			continue
		}
		if byAdvertiser[it.Advertiser] == nil {
			order = append(order, it.Advertiser)
		}
		byAdvertiser[it.Advertiser] = append(byAdvertiser[it.Advertiser], it)
	}
	var full [][]*item
	var open [shards][]*item
	for _, advertiser := range order {
		n := shardOf(advertiser)
		if len(open[n])+len(byAdvertiser[advertiser]) > chunk {
			full, open[n] = append(full, open[n]), nil
		}
		open[n] = append(open[n], byAdvertiser[advertiser]...)
	}
	return slices.DeleteFunc(append(full, open[:]...), func(b []*item) bool { return len(b) == 0 })
}

func (s *Store) writeBatch(ctx context.Context, batch []*item) error {
	var changed []string
	for _, it := range batch {
		if !slices.Contains(changed, it.Advertiser) {
			changed = append(changed, it.Advertiser)
		}
	}
	message, err := json.Marshal(changed)
	if err != nil {
		return err
	}
	_, err = s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, it := range batch {
			if it.Action == Removed {
				p.HDel(ctx, s.webhooksKey(it.Advertiser), it.Webhook)
			} else {
				p.HSet(ctx, s.webhooksKey(it.Advertiser), it.Webhook, it.record)
			}
		}
		for _, advertiser := range changed {
			p.HDel(ctx, s.healthKey(advertiser), healthFields(batch, advertiser)...)
		}
		p.Publish(ctx, s.announcements(), message)
		return nil
	})
	return err
}

// seedTime is how long a seed may take.
const seedTime = time.Hour

func (s *Store) tokenKey(shard int, token string) string { return s.key(shard, "seeding:"+token) }

// begin leaves a token in every shard. If it is gone at the end, Redis was
// emptied meanwhile, and what was found or written before that is gone too.
func (s *Store) begin(ctx context.Context, token string) error {
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range shards {
			p.Set(ctx, s.tokenKey(n, token), 1, seedTime)
		}
		return nil
	})
	return err
}

// markScript writes the marker if the token is still there, which then expires
// by itself: sent twice, by a client that retries, it does the same.
const markScript = `if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
redis.call("EXPIRE", KEYS[1], 10)
redis.call("SET", KEYS[2], "1")
return 1`

// mark writes the marker of every shard.
func (s *Store) mark(ctx context.Context, token string) error {
	replies := make([]*redis.Cmd, shards)
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range replies {
			replies[n] = p.Eval(ctx, markScript, []string{s.tokenKey(n, token), s.markerKey(n)})
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

// surplus returns the webhooks in Redis that the seed does not have.
func (s *seeding) surplus(ctx context.Context) ([]*item, error) {
	given := make(map[string]bool, len(s.items))
	for _, it := range s.items {
		given[it.Webhook] = true
	}
	var surplus []*item
	for ids, err := range s.ids(ctx, "") {
		if err != nil {
			return nil, err
		}
		ids = slices.DeleteFunc(ids, func(id ID) bool { return given[id.Webhook] })
		existing, err := s.existing(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, id := range existing {
			surplus = append(surplus, &item{
				Change: Change{Webhook: id.Webhook, Advertiser: id.Advertiser, Action: Removed},
				owner:  id.Advertiser,
			})
		}
	}
	return surplus, nil
}

// crowded returns an error for each advertiser that would get more webhooks than it may
// have. One that has more already, since an older version or a greater setting allowed
// them, keeps them: they can be changed, replaced and removed.
//
// Two seeds at the same time may both find room. What is then too much goes on.
func (s *seeding) crowded(ctx context.Context) error {
	gains := make(map[string]int)
	for _, it := range s.items {
		switch it.Action {
		case Added:
			gains[it.Advertiser]++
		case Removed:
			gains[it.Advertiser]--
		case Changed, Unchanged:
		}
	}
	maps.DeleteFunc(gains, func(_ string, n int) bool { return n <= 0 })
	most := cmp.Or(s.PerAdvertiser, rules.PerAdvertiser)
	var errs []error
	for part := range slices.Chunk(slices.Sorted(maps.Keys(gains)), chunk) {
		stored, err := s.counts(ctx, part)
		if err != nil {
			return err
		}
		for i, advertiser := range part {
			if n := stored[i] + gains[advertiser]; n > most {
				errs = append(errs, fmt.Errorf("advertiser %q has %d webhooks in Redis and would have %d, at most %d are allowed"+
					" (webhooks.per_advertiser): remove those that it no longer needs", advertiser, stored[i], n, most))
			}
		}
	}
	return errors.Join(errs...)
}

// counts returns how many webhooks each of the advertisers has in Redis.
func (s *Store) counts(ctx context.Context, advertisers []string) ([]int, error) {
	replies := make([]*redis.IntCmd, len(advertisers))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, advertiser := range advertisers {
			replies[i] = p.HLen(ctx, s.webhooksKey(advertiser))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting the webhooks in Redis: %w", err)
	}
	counts := make([]int, len(advertisers))
	for i, reply := range replies {
		counts[i] = int(reply.Val())
	}
	return counts, nil
}
