package webhook

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// SuggestWebhooks returns the ids of webhooks that begin with prefix, sorted: at
// most the given number, and only those that could be read before ctx ended. It
// returns no error: it completes what a person types, who can do without it.
func (s *Store) SuggestWebhooks(ctx context.Context, prefix string, most int) []ID {
	var ids []ID
	s.scanOwners(ctx, globEscape.Replace(prefix)+"*", func(id ID) (more bool) {
		if strings.HasPrefix(id.Webhook, prefix) {
			ids = append(ids, id)
		}
		return len(ids) < most
	})
	exist := make([]*redis.BoolCmd, len(ids)) // an id stays when its webhook is removed
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			exist[i] = p.HExists(ctx, s.webhooksKey(id.Advertiser), id.Webhook)
		}
		return nil
	})
	var found []ID
	for i, id := range ids {
		if exist[i].Val() {
			found = append(found, id)
		}
	}
	slices.SortFunc(found, func(a, b ID) int { return strings.Compare(a.Webhook, b.Webhook) })
	return slices.Compact(found)
}

// SuggestAdvertisers is [Store.SuggestWebhooks] for the ids of advertisers that have,
// or had, webhooks.
func (s *Store) SuggestAdvertisers(ctx context.Context, prefix string, most int) []string {
	found := map[string]bool{}
	s.scanOwners(ctx, "*", func(id ID) (more bool) {
		if strings.HasPrefix(id.Advertiser, prefix) {
			found[id.Advertiser] = true
		}
		return len(found) < most
	})
	return slices.Sorted(maps.Keys(found))
}

// globEscape turns a text into a pattern of Redis that matches only this text.
var globEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// scanOwners calls each with the ids of all shards, scanned side by side, until
// it returns false, ctx ends, or there are no more. Redis may return one twice.
func (s *Store) scanOwners(ctx context.Context, match string, each func(ID) (more bool)) {
	const step = 1000 // fields that Redis looks at in one command
	cursors := make(map[int]uint64, shards)
	for n := range shards {
		cursors[n] = 0
	}
	for len(cursors) > 0 {
		replies := make(map[int]*redis.ScanCmd, len(cursors))
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for n, cursor := range cursors {
				replies[n] = p.HScan(ctx, s.ownersKey(n), cursor, match, step)
			}
			return nil
		})
		if err != nil {
			return
		}
		for n, reply := range replies {
			pairs, next := reply.Val()
			for pair := range slices.Chunk(pairs, 2) {
				if !each(ID{pair[0], pair[len(pair)-1]}) {
					return
				}
			}
			if cursors[n] = next; next == 0 {
				delete(cursors, n)
			}
		}
	}
}
