package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// ErrNotSeeded is the error of a look-up if Redis answers but the advertiser's shard
// has no marker of a seed: Redis lost its data, or was never seeded. It does not mean
// that the advertiser has no webhooks.
var ErrNotSeeded = errors.New("Redis answers but holds no webhooks: it lost its data or was never seeded; " +
	"run leadhook seed FILE")

// shards is how many parts the advertisers are divided into, for ever. The
// keys of a shard carry its number as a hash tag (Redis Cluster specification,
// "Hash tags"), so that an advertiser's webhooks and the marker that vouches
// for them live, and get lost, together.
const shards = 64

func shardOf(id string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return int(h.Sum32() % shards)
}

// The keys. webhooksKey is a hash from webhook id to record. healthKey is a hash
// of health records. ownersKey is a hash from webhook id to the advertiser that
// the id belongs to; its shard is that of the webhook id. markerKey is written
// last by every seed.
func (s *Store) webhooksKey(advertiser string) string {
	return s.key(shardOf(advertiser), "webhooks:"+advertiser)
}
func (s *Store) healthKey(advertiser string) string {
	return s.key(shardOf(advertiser), "standing:"+advertiser)
}
func (s *Store) ownersKey(shard int) string { return s.key(shard, "owners") }
func (s *Store) markerKey(shard int) string { return s.key(shard, "seeded") }

func (s *Store) key(shard int, rest string) string {
	return s.prefix + ":{" + strconv.Itoa(shard) + "}:" + rest
}

// announcements is the channel that every write is announced on: a JSON array
// of the advertisers whose webhooks changed.
func (s *Store) announcements() string { return s.prefix + ":webhooks:changed" }

// A Store reads and writes webhooks in Redis. It is safe for concurrent use.
type Store struct {
	rdb    redis.UniversalClient
	prefix string
}

// NewStore returns a Store that uses a client for a single node, Sentinel or Cluster.
// The Store does not close the client. All keys begin with the prefix, which several
// services must not share.
//
// The client should be made with ContextTimeoutEnabled: without it the
// deadlines of callers do not count, and a Redis that hangs is noticed only
// after the client's own timeouts and retries.
func NewStore(rdb redis.UniversalClient, prefix string) *Store {
	return &Store{rdb: rdb, prefix: prefix}
}

// Webhooks reads all webhooks of an advertiser, sorted by id; it returns nil if
// there are none. A webhook whose record cannot be used is among them with Damaged
// set. The error is [ErrNotSeeded], or that of a failed request to Redis.
func (s *Store) Webhooks(ctx context.Context, advertiser string) ([]*lead.Webhook, error) {
	a := s.read(ctx, []string{advertiser})[0]
	return a.hooks, a.err
}

// WebhooksOf is [Store.Webhooks] for several advertisers, in one round trip to each
// node. If some advertisers cannot be read, the result lacks them, and the error is
// that of the first.
func (s *Store) WebhooksOf(ctx context.Context, advertisers []string) (map[string][]*lead.Webhook, error) {
	all := make(map[string][]*lead.Webhook, len(advertisers))
	var failed error
	for i, a := range s.read(ctx, advertisers) {
		if a.err != nil {
			failed = cmp.Or(failed, a.err)
			continue
		}
		all[advertisers[i]] = a.hooks
	}
	return all, failed
}

// An answer is what Redis answered about one advertiser.
type answer struct {
	hooks []*lead.Webhook
	err   error
}

// readScript reads the marker and the webhooks in one step: between two steps
// Redis could be emptied and seeded again, which would look like an advertiser
// without webhooks. A script, unlike MULTI, can share a pipeline with scripts
// for other slots of a Cluster.
const readScript = `return {redis.call("EXISTS", KEYS[1]), redis.call("HGETALL", KEYS[2]), redis.call("HGETALL", KEYS[3])}`

// read asks for several advertisers in one round trip (to each node). The
// answers are in the order of the advertisers.
func (s *Store) read(ctx context.Context, advertisers []string) []answer {
	replies := make([]*redis.Cmd, len(advertisers))
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, a := range advertisers {
			replies[i] = p.Eval(ctx, readScript, []string{s.markerKey(shardOf(a)), s.webhooksKey(a), s.healthKey(a)})
		}
		return nil
	}) // its error is that of one of the replies
	answers := make([]answer, len(advertisers))
	for i, a := range advertisers {
		answers[i] = readReply(a, replies[i])
	}
	return answers
}

func readReply(advertiser string, reply *redis.Cmd) answer {
	parts, err := reply.Slice()
	if err != nil {
		return answer{err: fmt.Errorf("reading webhooks from Redis: %w", err)}
	}
	if len(parts) != 3 {
		return answer{err: fmt.Errorf("reading webhooks from Redis: an answer of %d parts instead of 3", len(parts))}
	}
	if parts[0] != int64(1) {
		return answer{err: ErrNotSeeded}
	}
	records, recordsOK := pairs(parts[1])
	health, healthOK := pairs(parts[2])
	if !recordsOK || !healthOK {
		return answer{err: errors.New("reading webhooks from Redis: the answer is not a hash")}
	}
	var hooks []*lead.Webhook
	for id, stored := range records {
		h := decode(advertiser, id, stored)
		applyHealth(h, health)
		hooks = append(hooks, h)
	}
	slices.SortFunc(hooks, func(a, b *lead.Webhook) int { return strings.Compare(a.ID, b.ID) })
	return answer{hooks: hooks}
}

// pairs returns the fields and values of a hash from the reply of HGETALL.
func pairs(reply any) (map[string]string, bool) {
	list, ok := reply.([]any)
	if !ok || len(list)%2 != 0 {
		return nil, false
	}
	hash := make(map[string]string, len(list)/2)
	for pair := range slices.Chunk(list, 2) {
		field, _ := pair[0].(string)
		value, _ := pair[1].(string)
		hash[field] = value
	}
	return hash, true
}

// probe makes the same request to every shard as a look-up: whether Redis answers,
// permits reading, and has the marker. So whatever makes look-ups fail makes the probe
// fail too. It returns an error for each shard, nil if the shard can be read.
func (s *Store) probe(ctx context.Context) [shards]error {
	var replies [shards]*redis.Cmd
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := range shards {
			replies[n] = p.Eval(ctx, readScript, []string{s.markerKey(n), s.key(n, "webhooks:"), s.key(n, "standing:")})
		}
		return nil
	})
	var states [shards]error
	for n, reply := range replies {
		states[n] = readReply("", reply).err
	}
	return states
}
