// Package adopt takes over webhooks from the layout that leadhook had in Redis before
// they were kept in a topic. It is needed once.
package adopt

import (
	"context"
	"crypto/sha1" //nolint:gosec // the versions of the old layout were made with it
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
)

// oldShards is how many parts the old layout had. They were found as shares are.
const oldShards = shares.Count

// ErrIncomplete is the error of an old layout of which a part is missing.
var ErrIncomplete = errors.New("Redis does not hold all webhooks of the old layout: it lost its data or was never seeded;" +
	" seed them from their files instead")

// A Found is what the old layout has.
type Found struct {
	Owners map[string]string      // all webhook ids, and the advertisers that they belong to
	Lists  map[string]*entry.List // by advertiser
}

// Read reads the old layout below a prefix, leadhook unless it was changed. Webhooks that
// are no longer valid have Damaged set.
func Read(ctx context.Context, rdb redis.UniversalClient, prefix string) (*Found, error) {
	found := &Found{Owners: make(map[string]string), Lists: make(map[string]*entry.List)}
	for n := range oldShards {
		if err := found.readShard(ctx, rdb, prefix+":{"+strconv.Itoa(n)+"}:"); err != nil {
			return nil, err
		}
	}
	advertisers := make(map[string]bool)
	for _, advertiser := range found.Owners {
		advertisers[advertiser] = true
	}
	for _, advertiser := range slices.Sorted(maps.Keys(advertisers)) {
		if err := found.readList(ctx, rdb, prefix, advertiser); err != nil {
			return nil, fmt.Errorf("the webhooks of advertiser %q: %w", advertiser, err)
		}
	}
	return found, nil
}

func (f *Found) readShard(ctx context.Context, rdb redis.UniversalClient, shard string) error {
	marked, err := rdb.Exists(ctx, shard+"seeded").Result()
	if err != nil {
		return fmt.Errorf("reading Redis: %w", err)
	}
	if marked == 0 {
		return ErrIncomplete
	}
	for cursor := uint64(0); ; {
		pairs, next, err := rdb.HScan(ctx, shard+"owners", cursor, "", 256).Result()
		if err != nil {
			return fmt.Errorf("reading Redis: %w", err)
		}
		for pair := range slices.Chunk(pairs, 2) {
			f.Owners[pair[0]] = pair[len(pair)-1]
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// oldDisabled is what the old layout has of a webhook that the service disabled.
type oldDisabled struct {
	Version string      `json:"v"`
	At      time.Time   `json:"at"`
	Reason  lead.Reason `json:"reason"`
	Status  int         `json:"status"`
}

func (f *Found) readList(ctx context.Context, rdb redis.UniversalClient, prefix, advertiser string) error {
	shard := prefix + ":{" + strconv.Itoa(shares.Of(advertiser)) + "}:"
	records, err := rdb.HGetAll(ctx, shard+"webhooks:"+advertiser).Result()
	if err != nil {
		return fmt.Errorf("reading Redis: %w", err)
	}
	health, err := rdb.HGetAll(ctx, shard+"standing:"+advertiser).Result()
	if err != nil {
		return fmt.Errorf("reading Redis: %w", err)
	}
	list := &entry.List{}
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if err := list.Take(advertiser, id, []byte(records[id]), disabled(records[id], health["disabled:"+id])); err != nil {
			return fmt.Errorf("webhook %q: %w", id, err)
		}
	}
	f.Lists[advertiser] = list
	return nil
}

// disabled returns what the service found about this version of a record.
func disabled(record, health string) lead.Disabled {
	var d oldDisabled
	sum := sha1.Sum([]byte(record)) //nolint:gosec // see above
	if health == "" || json.Unmarshal([]byte(health), &d) != nil || d.Version != hex.EncodeToString(sum[:])[:16] {
		return lead.Disabled{}
	}
	return lead.Disabled{At: d.At, Reason: d.Reason, Status: d.Status}
}
