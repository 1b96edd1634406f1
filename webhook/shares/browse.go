package shares

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// About how many records Redis sends at once, and how many fields or keys it looks at for
// those that match; too few to hold it up.
const sent, looked = 100, 1000

// All yields the records of a share, in no order, with some hundred of them in memory at
// a time. A record that is there all the time is yielded once, as it is at some time
// meanwhile; for all records of one place, the caller compares the places before and
// after. After an error nothing more is yielded. The error is [ErrNotFilled] if the
// share is not there, or is lost meanwhile.
func (s *Shares) All(ctx context.Context, epoch string, share int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		seen := make(map[string]bool) // Redis may return one twice
		scan := s.scan(epoch, share, recordMark, sent)
		for scan.next(ctx) {
			for key, value := range scan.found() {
				if seen[key] {
					continue
				}
				seen[key] = true
				if !yield(Record{Key: key, Value: []byte(value)}, nil) {
					return
				}
			}
		}
		if scan.err != nil {
			yield(Record{}, scan.err)
		}
	}
}

// A scan goes through the fields of a share in steps.
type scan struct {
	rdb    redis.UniversalClient
	key    string
	mark   string // what its fields begin with
	count  int64  // how many it looks at in a step
	began  Place  // where the share was at the first step
	cursor uint64
	done   bool
	pairs  []string // of the last step: fields and values
	err    error
}

func (s *Shares) scan(epoch string, share int, mark string, count int64) *scan {
	return &scan{rdb: s.rdb, key: s.recordsKey(share, epoch), mark: mark, count: count}
}

// next takes a step, unless the scan is over or failed. A share that is behind where the
// scan began was lost meanwhile, and does not have all its records yet.
func (s *scan) next(ctx context.Context) bool {
	if s.done || s.err != nil {
		return false
	}
	var applied *redis.StringCmd
	var step *redis.ScanCmd
	_, _ = s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error { // of one moment
		applied = p.HGet(ctx, s.key, appliedField)
		step = p.HScan(ctx, s.key, s.cursor, s.mark+"*", s.count)
		return nil
	}) // its error is that of one of the replies
	place, err := s.place(applied)
	switch {
	case err != nil:
		s.err = err
	case step.Err() != nil:
		s.err = readError(s.key, step.Err())
	case place.Applied < s.began.Applied:
		s.err = ErrNotFilled
	}
	if s.err != nil {
		return false
	}
	if s.began == (Place{}) {
		s.began = place
	}
	s.pairs, s.cursor = step.Val()
	s.done = s.cursor == 0
	return true
}

func (s *scan) place(applied *redis.StringCmd) (Place, error) {
	switch text, err := applied.Result(); {
	case errors.Is(err, redis.Nil):
		return Place{}, ErrNotFilled
	case err != nil:
		return Place{}, readError(s.key, err)
	default:
		return readPlace(s.key, text)
	}
}

// found yields the keys that the fields of the last step are of, with their values.
func (s *scan) found() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for pair := range slices.Chunk(s.pairs, 2) {
			if !yield(pair[0][1:], pair[len(pair)-1]) {
				return
			}
		}
	}
}

// maxMarked is how many marked records Marked returns: they are all held in memory.
const maxMarked = 100

// Marked returns the stored records of keys that have a mark, by key, with the place of
// the share, all of one moment: a record of the key was refused, and compaction may keep
// that one and drop the stored one. Publishing the stored record with the next number
// removes the mark. It returns at most 100 records, and others once those are done with.
func (s *Shares) Marked(ctx context.Context, epoch string, share int) (Place, map[string][]byte, error) {
	keys, err := s.markedKeys(ctx, epoch, share)
	if err != nil {
		return Place{}, nil, err
	}
	fields := []string{appliedField}
	for _, key := range keys {
		fields = append(fields, recordMark+key, refusedMark+key)
	}
	hash := s.recordsKey(share, epoch)
	place, values, err := readFields(hash, s.rdb.HMGet(ctx, hash, fields...), 2*len(keys))
	if err != nil {
		return Place{}, nil, err
	}
	marked := make(map[string][]byte, len(keys))
	for i, key := range keys {
		value, stored := values[2*i].(string)
		switch {
		case values[2*i+1] == nil: // a record with a greater number has come meanwhile
		case !stored:
			return Place{}, nil, damaged(hash, fmt.Sprintf("it has a mark of %q and no record", key))
		default:
			marked[key] = []byte(value)
		}
	}
	return place, marked, nil
}

func (s *Shares) markedKeys(ctx context.Context, epoch string, share int) ([]string, error) {
	var keys []string
	scan := s.scan(epoch, share, refusedMark, looked)
	for len(keys) < maxMarked && scan.next(ctx) {
		for key := range scan.found() {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return keys[:min(len(keys), maxMarked)], scan.err
}

// Epochs returns all epochs of which Redis has a share, sorted. It asks every primary,
// and looks through all its keys.
func (s *Shares) Epochs(ctx context.Context) ([]string, error) {
	var mu sync.Mutex
	var epochs []string // guarded by mu
	err := s.eachPrimary(ctx, func(ctx context.Context, node redis.Cmdable) error {
		keys := node.Scan(ctx, 0, s.recordsPattern(), looked).Iterator()
		for keys.Next(ctx) {
			if epoch, ok := s.epochOf(keys.Val()); ok {
				mu.Lock()
				epochs = append(epochs, epoch)
				mu.Unlock()
			}
		}
		return keys.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("looking for webhooks in Redis: %w", err)
	}
	slices.Sort(epochs)
	return slices.Compact(epochs), nil
}

// eachPrimary does something with every primary, at once. In a Cluster the client itself
// would ask any one of them.
func (s *Shares) eachPrimary(ctx context.Context, do func(context.Context, redis.Cmdable) error) error {
	cluster, ok := s.rdb.(*redis.ClusterClient)
	if !ok {
		return do(ctx, s.rdb)
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return do(ctx, node) })
}

// Drop removes all shares of an epoch.
func (s *Shares) Drop(ctx context.Context, epoch string) error {
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for share := range Count {
			p.Unlink(ctx, s.recordsKey(share, epoch))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing webhooks of the epoch %s from Redis: %w", epoch, err)
	}
	return nil
}

// DropShare removes one share of an epoch, such as one that is damaged.
func (s *Shares) DropShare(ctx context.Context, epoch string, share int) error {
	key := s.recordsKey(share, epoch)
	if err := s.rdb.Unlink(ctx, key).Err(); err != nil {
		return fmt.Errorf("removing the key %q from Redis: %w", key, err)
	}
	return nil
}
