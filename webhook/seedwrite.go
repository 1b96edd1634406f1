package webhook

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/redis/go-redis/v9"
)

// claim gives each new id to its advertiser before anything is written under
// it: of two seeds that want one id for two advertisers at once, one gets it.
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
				key := ownersKey(share(it.Webhook))
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

// write puts what is not there yet into Redis, and removes what shall not be
// there, an advertiser never in two transactions.
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

// batches are the items to be written, each batch of one share, which is one
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
	var open [shares][]*item
	for _, advertiser := range order {
		n := share(advertiser)
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
			if it.What == Removed {
				p.HDel(ctx, webhooksKey(it.Advertiser), it.Webhook)
			} else {
				p.HSet(ctx, webhooksKey(it.Advertiser), it.Webhook, it.record)
			}
		}
		for _, advertiser := range changed {
			p.HDel(ctx, standingKey(advertiser), standingFields(batch, advertiser)...)
		}
		p.Publish(ctx, announcements, message)
		return nil
	})
	return err
}
