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
	written, released := l.marks.written(&refused)
	l.metrics.written.Add(float64(written))
	for i := range released {
		l.release(released[i].location, released[i].claim)
	}
	if cause != nil {
		l.health.suspect()
	}
	if ctx.Err() == nil {
		log(l.refused, l.refusal())
	}
	return len(batch)
}

// write sends marks and returns one answer for each of their shards.
func (l *Ledger) write(ctx context.Context, batch []pendingMark) []*redis.Cmd {
	var calls []*redis.Cmd
	now := time.Now()
	for shard := range runs(batch, location.sameShard) {
		var keys []any
		delivered, handedOn := l.layout.delivered, l.layout.handedOn
		args := []any{delivered.timeToLive(now), handedOn.timeToLive(now), delivered.before() + 1}
		for bucket := range runs(shard, location.sameBucket) {
			keys = append(keys, l.marks.keys.of(bucket[0].bucket, now)...)
			packed := make([]byte, 0, 11*len(bucket))
			for _, n := range bucket {
				packed = n.appendRecord(packed)
			}
			args = append(args, packed)
		}
		calls = append(calls, noteScript.call(ctx, keys, args))
	}
	l.runScript(ctx, noteScript, calls)
	return calls
}

func (n pendingMark) appendRecord(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(appendField(b, n.location), uint16(n.mark))
	if n.handedOn {
		return append(b, 1)
	}
	return append(b, 0)
}

// call returns what EvalSha of [redis.Script] would queue, which would allocate an
// interface value for each key again.
func (s script) call(ctx context.Context, keys, args []any) *redis.Cmd {
	return scriptCall(ctx, slices.Concat([]any{"evalsha", s.hash, len(keys)}, keys, args))
}

// withText returns the same call for a server that does not know the hash.
func (s script) withText(ctx context.Context, call *redis.Cmd) *redis.Cmd {
	return scriptCall(ctx, slices.Concat([]any{"eval", s.text}, call.Args()[2:]))
}

func scriptCall(ctx context.Context, args []any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, args...)
	cmd.SetFirstKeyPos(3) // which tells the client of a Cluster where to send it
	return cmd
}

// runScript makes calls of a script in one round trip. Those for servers that do not know it,
// since they have just started or become primaries, it replaces by such with the text,
// in another one.
func (l *Ledger) runScript(ctx context.Context, s script, calls []*redis.Cmd) {
	l.send(ctx, calls)
	var again []*redis.Cmd
	for i, call := range calls {
		if redis.HasErrorPrefix(call.Err(), "NOSCRIPT") {
			calls[i] = s.withText(ctx, call)
			again = append(again, calls[i])
		}
	}
	if len(again) > 0 {
		l.send(ctx, again)
	}
}

func (l *Ledger) send(ctx context.Context, calls []*redis.Cmd) {
	_, _ = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, call := range calls {
			_ = p.Process(ctx, call) // only queues it
		}
		return nil
	}) // its error is that of one of the calls
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
