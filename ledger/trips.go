package ledger

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// A lookup is one caller's question.
type lookup struct {
	place
	done     chan struct{} // holds a token when the rest is set
	mark     lead.Mark
	answered bool // by Redis
}

// lookups are the questions that wait for the next round trip. There are never
// more than callers of [Ledger.Reached], and those that gave up within it.
type lookups struct {
	bell  bell
	keys  keyring   // of answerLookups
	spare sync.Pool // of those that nobody waits for any more, and that nobody will answer

	mu    sync.Mutex
	queue []*lookup // guarded by mu
}

// add puts a question into the queue. Once the answer has been read, it must be
// given to spare.
func (l *lookups) add(at place) *lookup {
	q, _ := l.spare.Get().(*lookup)
	if q == nil {
		q = &lookup{done: make(chan struct{}, 1)}
	}
	q.place, q.mark, q.answered = at, 0, false
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, q)
	l.bell.ring(len(l.queue))
	return q
}

// take removes a batch, in the order of the places.
func (l *lookups) take() []*lookup {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), batchSize)
	batch := l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) > 0 {
		l.bell.ring(len(l.queue))
	}
	slices.SortFunc(batch, func(a, b *lookup) int { return a.compare(b.place) })
	return batch
}

// answerLookups answers look-ups until ctx ends. Those that are left then are
// not answered any more: who waits has a context of its own.
func (l *Ledger) answerLookups(ctx context.Context) {
	for l.lookups.bell.wait(ctx) {
		batch := l.passOver(l.lookups.take())
		if len(batch) == 0 {
			continue
		}
		began := time.Now()
		limited, cancel := context.WithTimeoutCause(ctx, lookupTimeout, fmt.Errorf("no answer within %v", lookupTimeout))
		answers := l.ask(limited, batch, &l.lookups.keys)
		cancel()
		if ctx.Err() != nil {
			return
		}
		l.metrics.readSeconds.Observe(time.Since(began).Seconds())
		i := 0
		for part := range runs(batch, place.samePart) {
			l.hand(part, answers[i])
			i++
		}
	}
}

// passOver answers the look-ups of parts that were found to be away while they
// queued: asked nonetheless, they would hold up those of the other parts.
func (l *Ledger) passOver(batch []*lookup) []*lookup {
	kept := batch[:0]
	for part := range runs(batch, place.samePart) {
		if !l.away.is(part[0].part) {
			kept = append(kept, part...)
			continue
		}
		for _, q := range part {
			q.done <- struct{}{}
		}
	}
	return kept
}

// ask sends look-ups, and returns one answer for each part that they are of.
func (l *Ledger) ask(ctx context.Context, batch []*lookup, ring *keyring) []*redis.Cmd {
	var answers []*redis.Cmd
	now := time.Now()
	_, _ = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for part := range runs(batch, place.samePart) {
			var keys, args []any
			for bucket := range runs(part, place.sameBucket) {
				keys = append(keys, ring.of(bucket[0].bucket, now)...)
				packed := make([]byte, 0, 8*len(bucket))
				for _, q := range bucket {
					packed = appendField(packed, q.place)
				}
				args = append(args, packed)
			}
			answers = append(answers, eval(ctx, p, reachedScript, keys, args))
		}
		return nil
	}) // its error is that of one of the answers
	return answers
}

// eval has a script run as [redis.Pipeliner] does, which would put each key into
// an interface anew.
func eval(ctx context.Context, p redis.Pipeliner, script string, keys, args []any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, slices.Concat([]any{"eval", script, len(keys)}, keys, args)...)
	cmd.SetFirstKeyPos(3) // which tells the client of a Cluster where to send it
	_ = p.Process(ctx, cmd)
	return cmd
}

// failure is why a part did not answer. When the time is over, the client of a
// Cluster calls all of a pipeline failed, also what the other nodes answered;
// so an error counts only without an answer.
func failure(answer *redis.Cmd) error {
	if answer.Val() != nil {
		return nil
	}
	return answer.Err()
}

// hand gives the look-ups of a part their answers.
func (l *Ledger) hand(part []*lookup, answer *redis.Cmd) {
	if err := fill(part, answer); err != nil {
		l.away.lost(part[0].part, fmt.Errorf("asking Redis how far deliveries got: %w", err))
	}
	for _, q := range part {
		q.done <- struct{}{}
	}
}

// fill gives them their marks, unless Redis did not answer.
func fill(part []*lookup, answer *redis.Cmd) error {
	if err := failure(answer); err != nil {
		return err
	}
	packed, _ := answer.Val().(string)
	if len(packed) != 2*len(part) {
		return fmt.Errorf("an answer of %d bytes instead of %d", len(packed), 2*len(part))
	}
	for i, q := range part {
		q.mark = lead.Mark(packed[2*i])<<8 | lead.Mark(packed[2*i+1])
		q.answered = true
	}
	return nil
}

// writeMarks writes marks until ctx ends, and then what is left, for a second
// at most. A write under way is not cut.
func (l *Ledger) writeMarks(ctx context.Context) {
	for l.marks.bell.wait(ctx) {
		if l.writeBatch(context.WithoutCancel(ctx)) == 0 {
			wait.For(ctx, gatherMarks) // what is left is of parts that do not take it
			l.marks.wake()
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

// writeBatch writes some marks, and returns how many it tried to.
func (l *Ledger) writeBatch(ctx context.Context) int {
	batch := l.marks.take(&l.away)
	if len(batch) == 0 {
		return 0
	}
	began := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, writeTimeout, fmt.Errorf("no answer within %v", writeTimeout))
	defer cancel()
	answers := l.write(limited, batch)
	l.metrics.writeSeconds.Observe(time.Since(began).Seconds())

	var refused [shares]error
	var cause error
	i := 0
	for part := range runs(batch, place.samePart) {
		err := failure(answers[i])
		refused[part[0].part] = err
		cause = cmp.Or(cause, err)
		i++
	}
	l.metrics.written.Add(float64(l.marks.settle(&refused)))
	if ctx.Err() == nil {
		l.sayRefused(cause)
	}
	return len(batch)
}

// sayRefused logs whether marks are refused, if that changed.
func (l *Ledger) sayRefused(cause error) {
	if cause != nil {
		l.away.suspect()
	}
	switch {
	case cause != nil && !l.refused:
		l.log.Warn("the ledger cannot be written: its marks wait in memory", zap.Error(cause))
	case cause == nil && l.refused:
		l.log.Info("the ledger can be written")
	}
	l.refused = cause != nil
}

// write sends marks, and returns one answer for each part that they are of.
func (l *Ledger) write(ctx context.Context, batch []noted) []*redis.Cmd {
	var answers []*redis.Cmd
	now := time.Now()
	_, _ = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for part := range runs(batch, place.samePart) {
			var keys []any
			args := []any{l.shelves.delivered.lives(now), l.shelves.handedOn.lives(now)}
			for bucket := range runs(part, place.sameBucket) {
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

func (n noted) appendRecord(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(appendField(b, n.place), uint16(n.mark))
	if n.handedOn {
		return append(b, 1)
	}
	return append(b, 0)
}

func (p place) samePart(q place) bool   { return p.part == q.part }
func (p place) sameBucket(q place) bool { return p.bucket == q.bucket }

// placed is what lies in a place.
type placed interface{ at() place }

func (p place) at() place { return p }

// runs splits a list, sorted by place, where the next is not the same.
func runs[T placed](list []T, same func(p, q place) bool) iter.Seq[[]T] {
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
