package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/rules"
)

// ErrDamaged is the error of changing a webhook whose stored record cannot be used.
// What wraps it says what is wrong with the record.
var ErrDamaged = errors.New("it cannot be changed")

// SetActive makes a webhook active or inactive, as its advertiser would with a
// seed. Making it active also removes its health record, as does every change of
// its record. It returns the webhook as it is then; changed is false if there was
// nothing to do. The error wraps [ErrNoWebhook], [ErrDamaged] or [ErrNotSeeded], or
// is that of a failed request to Redis.
func (s *Store) SetActive(ctx context.Context, id string, active bool) (hook *lead.Webhook, changed bool, err error) {
	for {
		before, err := s.Find(ctx, id)
		if err != nil {
			return nil, false, err
		}
		if before.Damaged != "" {
			return nil, false, fmt.Errorf("webhook %q: %w: %s", id, ErrDamaged, before.Damaged)
		}
		unwell := before.Failing != lead.Failing{} || before.Disabled != lead.Disabled{}
		if before.Active == active && (!active || !unwell) {
			return before, false, nil
		}
		after := *before
		after.Active, after.Failing, after.Disabled = active, lead.Failing{}, lead.Disabled{}
		record, err := encode(&after)
		if err != nil {
			return nil, false, err
		}
		if done, err := s.replace(ctx, before, record); done || err != nil {
			return &after, done, err
		}
	}
}

// Remove removes a webhook and its health record. Its id still belongs to its
// advertiser. A damaged webhook is removed like any other. The error wraps
// [ErrNoWebhook] or [ErrNotSeeded], or is that of a failed request to Redis.
func (s *Store) Remove(ctx context.Context, id string) error {
	for tries := 0; ; tries++ {
		hook, err := s.Find(ctx, id)
		if tries > 0 && errors.Is(err, ErrNoWebhook) {
			return nil // it was removed, and only the answer got lost
		}
		if err != nil {
			return err
		}
		if done, err := s.replace(ctx, hook, ""); done || err != nil {
			return err
		}
	}
}

// replaceScript writes a record, or removes it if the new one is empty, removes
// the webhook's health record, and announces the change. It does all that only
// if the stored record has the given version.
const replaceScript = `
local record = redis.call("HGET", KEYS[1], ARGV[1])
if not record or string.sub(redis.sha1hex(record), 1, #ARGV[2]) ~= ARGV[2] then return 0 end
if ARGV[3] == "" then redis.call("HDEL", KEYS[1], ARGV[1]) else redis.call("HSET", KEYS[1], ARGV[1], ARGV[3]) end
redis.call("HDEL", KEYS[2], ARGV[4], ARGV[5])
redis.call("PUBLISH", ARGV[6], ARGV[7])
return 1`

// replace replaces the stored record if it is still the one that hook was read from,
// and reports whether it did. A damaged webhook has no version, and any record matches
// it.
func (s *Store) replace(ctx context.Context, hook *lead.Webhook, record string) (bool, error) {
	message, err := json.Marshal([]string{hook.Advertiser})
	if err != nil {
		return false, err
	}
	done, err := s.rdb.Eval(ctx, replaceScript, []string{webhooksKey(hook.Advertiser), healthKey(hook.Advertiser)},
		hook.ID, hook.Version, record, failingField(hook.ID), disabledField(hook.ID), announcements, message).Int()
	if err != nil {
		return false, fmt.Errorf("changing webhook %q: %w", hook.ID, err)
	}
	return done == 1, nil
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
