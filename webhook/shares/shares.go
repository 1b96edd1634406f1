package shares

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrNotFilled is the error of reading a share that is not there. It does not mean
	// that its advertisers have no webhooks.
	ErrNotFilled = errors.New("Redis has no webhooks of this share yet; leadhook fills it from Kafka by itself")

	// ErrMoved is the error of a [Step] from a place at which the share is not.
	// Somebody else filled the share, or Redis lost it, all or the last of it. It may
	// also be that this very step was taken, the connection broke, and the client
	// repeated it.
	ErrMoved = errors.New("the share is at another place")

	// ErrDamaged is the error of a share that holds what this package does not write.
	// It stays so until the share is dropped; then it is filled like one that was lost.
	ErrDamaged = errors.New("it is not as leadhook writes it")
)

// Shares are the shares in one Redis, below one prefix. They are safe for concurrent
// use.
type Shares struct {
	rdb    redis.UniversalClient
	prefix string
}

// New returns the Shares below a prefix, which has neither braces nor blanks, with a
// client for a single node, Sentinel or Cluster. They do not close the client, which
// should be made with ContextTimeoutEnabled: without it the deadlines of callers do
// not count.
func New(rdb redis.UniversalClient, prefix string) *Shares {
	return &Shares{rdb: rdb, prefix: prefix}
}

// A State is what is known of a share without its records.
type State struct {
	Place     // zero if the share is not there
	Marks int // how many marks it has: see [Shares.Marked]
	Err   error
}

// States returns the states of all shares of an epoch, read in one round trip to each
// node. Each has an error of its own: a node of a Cluster may be away.
func (s *Shares) States(ctx context.Context, epoch string) [Count]State {
	var replies [Count]*redis.SliceCmd
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for share := range replies {
			replies[share] = p.HMGet(ctx, s.recordsKey(share, epoch), appliedField, marksField)
		}
		return nil
	}) // its error is that of one of the replies
	var states [Count]State
	for share, reply := range replies {
		states[share] = s.state(s.recordsKey(share, epoch), reply)
	}
	return states
}

func (s *Shares) state(key string, reply *redis.SliceCmd) State {
	place, fields, err := readFields(key, reply, 1)
	if errors.Is(err, ErrNotFilled) {
		return State{}
	}
	if err != nil {
		return State{Err: err}
	}
	text, ok := fields[0].(string)
	if !ok {
		return State{Place: place}
	}
	marks, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return State{Err: damaged(key, `its field "marks" holds no number`)}
	}
	return State{Place: place, Marks: int(marks)}
}

// readFields reads the reply to a HMGET of the place and n more fields. A hash without
// a place is like one that is not there: it says nothing of what it lacks.
func readFields(key string, reply *redis.SliceCmd, n int) (Place, []any, error) {
	fields, err := reply.Result()
	if err != nil {
		return Place{}, nil, readError(key, err)
	}
	if len(fields) != 1+n {
		return Place{}, nil, fmt.Errorf("reading webhooks from Redis: %d fields instead of %d", len(fields), 1+n)
	}
	if fields[0] == nil {
		return Place{}, nil, ErrNotFilled
	}
	place, err := readPlace(key, fields[0])
	return place, fields[1:], err
}

func readPlace(key string, field any) (Place, error) {
	text, _ := field.(string)
	place, ok := parsePlace(text)
	if !ok {
		return Place{}, damaged(key, `its field "applied" holds no place`)
	}
	return place, nil
}

func readError(key string, err error) error {
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return damaged(key, "it is not a hash")
	}
	return fmt.Errorf("reading webhooks from Redis: %w", err)
}

// damaged is the error of a share whose key holds something wrong.
func damaged(key, what string) error {
	return fmt.Errorf("the key %q in Redis cannot be used: %w: %s; delete it, and leadhook fills it again from Kafka",
		key, ErrDamaged, what)
}
