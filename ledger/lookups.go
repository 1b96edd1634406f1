package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// A lookup is one caller's question.
type lookup struct {
	location
	done     chan struct{} // holds a token once mark and answered are set
	mark     lead.Mark
	answered bool // by Redis
}

// A question is what Redis is asked for one delivery, if it is asked.
type question struct {
	noted    lead.Mark // here
	lookup   *lookup   // nil if Redis is not asked
	answered bool      // without Redis
}

// question asks how far a delivery got. It does not block.
func (l *Ledger) question(leadID, delivery string) question {
	if lookupsOff {
		return question{answered: true}
	}
	at := l.layout.locate(leadID, delivery)
	noted := l.marks.get(at)
	if noted == lead.MarkDelivered || l.health.isAway(at.shard) {
		return question{noted: noted, answered: noted == lead.MarkDelivered}
	}
	return question{noted: noted, lookup: l.lookups.add(at)}
}

// await waits for the answer. The error is the cause of the end of ctx.
func (l *Ledger) await(ctx context.Context, q question) (lead.Mark, error) {
	if q.lookup == nil {
		return l.metrics.counted(q.noted, q.answered), nil
	}
	select {
	case <-q.lookup.done:
		reached, answered := max(q.noted, q.lookup.mark), q.lookup.answered
		l.lookups.unused.Put(q.lookup)
		return l.metrics.counted(reached, answered), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// pendingLookups are the look-ups that wait for the next round trip. There are never
// more than callers of [Ledger.Reached] ask about, counting those that gave up since the last one.
type pendingLookups struct {
	batches batchSignal
	keys    keyCache  // of answerLookups
	unused  sync.Pool // look-ups whose caller has read the answer, to be used again

	mu    sync.Mutex
	queue []*lookup // guarded by mu
}

// add queues a look-up. Once its answer has been read, it should be put into unused.
func (p *pendingLookups) add(at location) *lookup {
	q, _ := p.unused.Get().(*lookup)
	if q == nil {
		q = &lookup{done: make(chan struct{}, 1)}
	}
	q.location, q.mark, q.answered = at, 0, false
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, q)
	p.batches.notify(len(p.queue))
	return q
}

// take removes and returns a batch, sorted by location.
func (p *pendingLookups) take() []*lookup {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.queue), batchSize)
	batch := p.queue[:n:n]
	if p.queue = p.queue[n:]; len(p.queue) > 0 {
		p.batches.notify(len(p.queue))
	}
	slices.SortFunc(batch, func(a, b *lookup) int { return a.compare(b.location) })
	return batch
}

// answerLookups answers look-ups until ctx ends. Those that are left then get no
// answer: their callers have contexts of their own.
func (l *Ledger) answerLookups(ctx context.Context) {
	for l.lookups.batches.wait(ctx) {
		batch := l.skipAway(l.lookups.take())
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
		for shard := range runs(batch, location.sameShard) {
			l.answer(shard, answers[i])
			i++
		}
	}
}

// skipAway removes the look-ups of shards that are away, and ends them without an
// answer. In a round trip they would hold up those of the other shards.
func (l *Ledger) skipAway(batch []*lookup) []*lookup {
	kept := batch[:0]
	for shard := range runs(batch, location.sameShard) {
		if !l.health.isAway(shard[0].shard) {
			kept = append(kept, shard...)
			continue
		}
		for _, q := range shard {
			q.done <- struct{}{}
		}
	}
	return kept
}

// ask sends look-ups and returns one answer for each of their shards.
func (l *Ledger) ask(ctx context.Context, batch []*lookup, cache *keyCache) []*redis.Cmd {
	var answers []*redis.Cmd
	now := time.Now()
	_, _ = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for shard := range runs(batch, location.sameShard) {
			var keys, args []any
			for bucket := range runs(shard, location.sameBucket) {
				keys = append(keys, cache.of(bucket[0].bucket, now)...)
				packed := make([]byte, 0, 8*len(bucket))
				for _, q := range bucket {
					packed = appendField(packed, q.location)
				}
				args = append(args, packed)
			}
			answers = append(answers, eval(ctx, p, reachedScript, keys, args))
		}
		return nil
	}) // its error is that of one of the answers
	return answers
}

// answer gives the look-ups of a shard their answers.
func (l *Ledger) answer(shard []*lookup, answer *redis.Cmd) {
	if err := setMarks(shard, answer); err != nil {
		l.health.lost(shard[0].shard, fmt.Errorf("asking Redis how far deliveries got: %w", err))
	}
	for _, q := range shard {
		q.done <- struct{}{}
	}
}

// setMarks sets the marks of a shard's look-ups, unless Redis did not answer.
func setMarks(shard []*lookup, answer *redis.Cmd) error {
	if err := failure(answer); err != nil {
		return err
	}
	packed, _ := answer.Val().(string)
	if len(packed) != 2*len(shard) {
		return fmt.Errorf("an answer of %d bytes instead of %d", len(packed), 2*len(shard))
	}
	for i, q := range shard {
		q.mark = lead.Mark(packed[2*i])<<8 | lead.Mark(packed[2*i+1])
		q.answered = true
	}
	return nil
}
