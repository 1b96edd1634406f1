package webhook

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// An ID is that of a webhook, and whose it is.
type ID struct{ Webhook, Advertiser string }

// SuggestWebhooks returns ids of webhooks that begin with prefix, sorted: most
// of them at most, and those that could be read before ctx ended. It is for who
// types one and does without a suggestion: there is no error.
func (s *Store) SuggestWebhooks(ctx context.Context, prefix string, most int) []ID {
	var ids []ID
	s.scanOwners(ctx, globEscape.Replace(prefix)+"*", func(id ID) (more bool) {
		if strings.HasPrefix(id.Webhook, prefix) {
			ids = append(ids, id)
		}
		return len(ids) < most
	})
	there := make([]*redis.BoolCmd, len(ids)) // an id stays when its webhook is removed
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			there[i] = p.HExists(ctx, webhooksKey(id.Advertiser), id.Webhook)
		}
		return nil
	})
	var found []ID
	for i, id := range ids {
		if there[i].Val() {
			found = append(found, id)
		}
	}
	slices.SortFunc(found, func(a, b ID) int { return strings.Compare(a.Webhook, b.Webhook) })
	return slices.Compact(found)
}

// SuggestAdvertisers does the same for advertisers that have, or had, webhooks.
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

// globEscape writes a text as a pattern of Redis that matches it alone.
var globEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// scanOwners goes through the ids of all shares side by side, until each does
// not want more, ctx ends, or there are no more. Redis may tell one twice.
func (s *Store) scanOwners(ctx context.Context, match string, each func(ID) (more bool)) {
	const step = 1000 // fields that Redis looks at without a break
	cursors := make(map[int]uint64, shares)
	for n := range shares {
		cursors[n] = 0
	}
	for len(cursors) > 0 {
		replies := make(map[int]*redis.ScanCmd, len(cursors))
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for n, cursor := range cursors {
				replies[n] = p.HScan(ctx, ownersKey(n), cursor, match, step)
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
