package shares

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// An Answer is what Redis has of a key.
type Answer struct {
	Place                    // of its share, read together with the value
	Value  []byte            // nil if the share has no record of the key
	Health map[string]Health // by webhook; nil if nothing is known of any
	Err    error             // [ErrNotFilled] if the share is not there
}

// Get looks up keys of an epoch, in one round trip to each node, and returns an answer
// for each, in their order. The value and the place of an answer are of one moment. Each
// has an error of its own: a node of a Cluster may be away.
func (s *Shares) Get(ctx context.Context, epoch string, keys []string) []Answer {
	groups := s.groups(ctx, epoch, keys)
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range groups {
			_ = p.Process(ctx, groups[i].records) // only queues it
			_ = p.Process(ctx, groups[i].failing)
		}
		return nil
	}) // its error is that of one of the replies
	answers := make([]Answer, len(keys))
	for i := range groups {
		groups[i].answer(answers)
	}
	return answers
}

// A group is what is asked of one share.
type group struct {
	key     string // of its hash
	members []int  // which of the keys
	records *redis.SliceCmd
	failing *redis.SliceCmd
}

func (s *Shares) groups(ctx context.Context, epoch string, keys []string) []group {
	sorted, ends := byShare(keys)
	groups := make([]group, 0, min(Count, len(keys)))
	begin := 0
	for share, end := range ends {
		if begin < end {
			groups = append(groups, s.group(ctx, epoch, share, keys, sorted[begin:end]))
		}
		begin = end
	}
	return groups
}

// byShare returns the indexes of keys sorted by share, and where each share's end.
func byShare(keys []string) (sorted []int, ends [Count]int) {
	var next [Count]int // where the next index of each share goes
	for _, key := range keys {
		next[Of(key)]++
	}
	sum := 0
	for share, n := range next {
		next[share] = sum
		sum += n
	}
	sorted = make([]int, len(keys))
	for i, key := range keys {
		share := Of(key)
		sorted[next[share]] = i
		next[share]++
	}
	return sorted, next
}

// group makes the commands for some of the keys, all of one share. Both have the same
// fields, each of which costs an allocation once.
func (s *Shares) group(ctx context.Context, epoch string, share int, keys []string, members []int) group {
	key := s.recordsKey(share, epoch)
	records, failing := make([]any, 0, 3+len(members)), make([]any, 0, 2+len(members))
	records = append(records, "hmget", key, appliedField)
	failing = append(failing, "hmget", s.failingKey(share))
	for _, i := range members {
		var field any = recordMark + keys[i]
		records, failing = append(records, field), append(failing, field)
	}
	return group{key, members, redis.NewSliceCmd(ctx, records...), redis.NewSliceCmd(ctx, failing...)}
}

func (g *group) answer(answers []Answer) {
	place, values, err := readFields(g.key, g.records, len(g.members))
	noted, lost := readHealth(g.failing, len(g.members))
	if err == nil {
		err = lost
	}
	for n, i := range g.members {
		if err != nil {
			answers[i].Err = err
			continue
		}
		answers[i].Place = place
		if value, ok := values[n].(string); ok {
			answers[i].Value = []byte(value)
		}
		if noted != nil {
			answers[i].Health = parseHealth(noted[n])
		}
	}
}
