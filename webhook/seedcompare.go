package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// compare finds out whom the ids belong to, and what there is to do.
func (s *seeding) compare(ctx context.Context) error {
	owners := make([]*redis.StringCmd, chunk)
	records := make([]*redis.StringCmd, chunk)
	compared := 0
	for part := range slices.Chunk(s.items, chunk) {
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
		compared += len(part)
		s.progress(compared, len(s.items))
	}
	return nil
}

func (it *item) compare(stored *redis.StringCmd) {
	switch {
	case stored.Err() != nil:
		it.What = Added
	case stored.Val() != it.record:
		it.What = Changed
		it.Fields = difference(decode(it.Advertiser, it.Webhook, stored.Val()), it.hook)
	default:
		it.What, it.done = Unchanged, true
	}
}

// difference compares field by field what is hidden too, and returns what may
// be shown. Of a damaged webhook nothing is known: every field is a new one.
func difference(before, after *lead.Webhook) []FieldChange {
	if before.Damaged != "" {
		before = &lead.Webhook{}
	}
	was, is := byName(before, true), byName(after, true)
	wasShown, isShown := byName(before, false), byName(after, false)
	var changed []FieldChange
	for _, f := range slices.Concat(Fields(after, true), Fields(before, true)) {
		again := slices.ContainsFunc(changed, func(c FieldChange) bool { return c.Field == f.Name })
		if !again && was[f.Name] != is[f.Name] {
			changed = append(changed, FieldChange{f.Name, wasShown[f.Name], isShown[f.Name]})
		}
	}
	return changed
}

func byName(h *lead.Webhook, reveal bool) map[string]string {
	values := make(map[string]string)
	for _, f := range Fields(h, reveal) {
		values[f.Name] = f.Value
	}
	return values
}

// surplus are the webhooks in Redis that the seed does not have.
func (s *seeding) surplus(ctx context.Context) ([]*item, error) {
	given := make(map[string]bool, len(s.items))
	for _, it := range s.items {
		given[it.Webhook] = true
	}
	var surplus []*item
	for ids, err := range s.owned(ctx, "") {
		if err != nil {
			return nil, err
		}
		ids = slices.DeleteFunc(ids, func(id owned) bool { return given[id.webhook] })
		there, err := s.there(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, id := range there {
			surplus = append(surplus, &item{
				Change: Change{Webhook: id.webhook, Advertiser: id.advertiser, What: Removed},
				owner:  id.advertiser,
			})
		}
	}
	return surplus, nil
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
