package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/webhook/rules"
)

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
			replies[i] = p.HLen(ctx, webhooksKey(advertiser))
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
