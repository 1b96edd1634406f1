package ledger

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/wait"
)

// writeMarks writes marks until ctx ends, and then those that are left, for a second
// at most. A write that has begun is not interrupted.
func (l *Ledger) writeMarks(ctx context.Context) {
	for l.marks.batches.wait(ctx) {
		if l.writeBatch(context.WithoutCancel(ctx)) == 0 {
			wait.For(ctx, gatherMarks) // all marks that are left belong to shards that do not take them
			l.marks.notify()
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	for last.Err() == nil && l.marks.len() > 0 {
		if l.writeBatch(last) == 0 {
			wait.For(last, gatherMarks)
		}
	}
}

// writeBatch writes some marks and returns how many it tried to write.
func (l *Ledger) writeBatch(ctx context.Context) int {
	batch := l.marks.take(&l.health)
	if len(batch) == 0 {
		return 0
	}
	began := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, writeTimeout, fmt.Errorf("no answer within %v", writeTimeout))
	defer cancel()
	answers := l.write(limited, batch)
	l.metrics.writeSeconds.Observe(time.Since(began).Seconds())

	var refused [shards]error
	var cause error
	i := 0
	for shard := range runs(batch, location.sameShard) {
		err := failure(answers[i])
		refused[shard[0].shard] = err
		cause = cmp.Or(cause, err)
		i++
	}
	l.metrics.written.Add(float64(l.marks.written(&refused)))
	switch {
	case ctx.Err() != nil:
	case cause != nil:
		l.health.suspect()
		l.refused.Failed(cause)
	default:
		l.refused.Recovered()
	}
	return len(batch)
}

// write sends marks and returns one answer for each of their shards.
func (l *Ledger) write(ctx context.Context, batch []pendingMark) []*redis.Cmd {
	var answers []*redis.Cmd
	now := time.Now()
	_, _ = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for shard := range runs(batch, location.sameShard) {
			var keys []any
			args := []any{l.layout.delivered.timeToLive(now), l.layout.handedOn.timeToLive(now)}
			for bucket := range runs(shard, location.sameBucket) {
				keys = append(keys, l.marks.keys.of(bucket[0].bucket, now)...)
				packed := make([]byte, 0, 11*len(bucket))
				for _, n := range bucket {
					packed = n.appendRecord(packed)
				}
				args = append(args, packed)
			}
			answers = append(answers, eval(ctx, p, noteScript, keys, args))
		}
		return nil
	}) // its error is that of one of the answers
	return answers
}

func (n pendingMark) appendRecord(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(appendField(b, n.location), uint16(n.mark))
	if n.handedOn {
		return append(b, 1)
	}
	return append(b, 0)
}

// eval queues a script like Eval of [redis.Pipeliner], which would allocate an
// interface value for each key again.
func eval(ctx context.Context, p redis.Pipeliner, script string, keys, args []any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, slices.Concat([]any{"eval", script, len(keys)}, keys, args)...)
	cmd.SetFirstKeyPos(3) // which tells the client of a Cluster where to send it
	_ = p.Process(ctx, cmd)
	return cmd
}

// failure returns why a shard did not answer, or nil if it did. When the deadline has
// passed, the client of a Cluster reports every command of a pipeline as failed, even
// those that other nodes have answered. So an error counts only without an answer.
func failure(answer *redis.Cmd) error {
	if answer.Val() != nil {
		return nil
	}
	return answer.Err()
}

// A located value lies in one location.
type located interface{ at() location }

func (a location) at() location { return a }

// runs splits a list that is sorted by location into parts whose locations are the
// same.
func runs[T located](list []T, same func(a, b location) bool) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for start, i := 0, 1; start < len(list); i++ {
			if i < len(list) && same(list[start].at(), list[i].at()) {
				continue
			}
			if !yield(list[start:i]) {
				return
			}
			start = i
		}
	}
}
