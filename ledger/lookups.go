package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// A lookup is one caller's question, which may also claim the delivery, or release it.
type lookup struct {
	location
	op     byte
	own    lead.Mark // of the record, if it claims
	number uint64    // of the claim

	done     chan struct{} // holds a token once what follows is set
	ended    atomic.Bool   // it was answered, or its caller left
	mark     lead.Mark
	held     time.Duration // how long another instance has a claim
	answered bool          // by Redis
	taken    bool          // by Redis, which takes claims
	tries    int           // of a claim
}

// wait waits for the answer. The error is the cause of the end of ctx; whatever was
// claimed is then released.
func (q *lookup) wait(ctx context.Context) error {
	select {
	case <-q.done:
		return nil
	case <-ctx.Done():
	}
	if q.ended.Swap(true) {
		<-q.done
		return nil
	}
	return context.Cause(ctx)
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
	q := l.lookups.get(at)
	l.lookups.add(q)
	return question{noted: noted, lookup: q}
}

// await waits for the answer. The error is the cause of the end of ctx.
func (l *Ledger) await(ctx context.Context, q question) (lead.Mark, error) {
	if q.lookup == nil {
		return l.metrics.counted(q.noted, q.answered), nil
	}
	if err := q.lookup.wait(ctx); err != nil {
		return 0, err
	}
	reached, answered := max(q.noted, q.lookup.mark), q.lookup.answered
	l.lookups.unused.Put(q.lookup)
	return l.metrics.counted(reached, answered), nil
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

// get returns a look-up to be added. Once its answer has been read, it should be put into
// unused.
func (p *pendingLookups) get(at location) *lookup {
	q, _ := p.unused.Get().(*lookup)
	if q == nil {
		q = &lookup{done: make(chan struct{}, 1)}
	}
	q.location, q.op = at, opLookUp
	q.mark, q.held, q.answered, q.taken, q.tries = 0, 0, false, false, 0
	q.ended.Store(false)
	return q
}

// add queues a look-up.
func (p *pendingLookups) add(q *lookup) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, q)
	p.batches.notify(len(p.queue))
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
		answers := l.askAndClaim(limited, batch)
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
			l.end(q)
		}
	}
	return kept
}

// ask sends look-ups and returns one answer for each of their shards.
func (l *Ledger) ask(ctx context.Context, batch []*lookup, cache *keyCache) []*redis.Cmd {
	var calls []*redis.Cmd
	now := time.Now()
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
		calls = append(calls, reachedScript.call(ctx, keys, args))
	}
	l.runScript(ctx, reachedScript, calls)
	return calls
}

// answer gives the look-ups of a shard their answers. Claims for which the clocks
// differed are sent again.
func (l *Ledger) answer(shard []*lookup, answer *redis.Cmd) {
	missed, refusal, err := l.setAnswers(shard, answer)
	if err != nil {
		l.health.lost(shard[0].shard, fmt.Errorf("asking Redis how far deliveries got: %w", err))
	}
	if refusal != nil {
		l.health.refuses(shard[0].shard, refusal)
	}
	for _, q := range shard {
		if q.tries++; missed && q.op == opClaim && q.tries < claimTries {
			l.lookups.add(q)
			continue
		}
		l.end(q)
	}
}

// end gives a look-up back to its caller.
func (l *Ledger) end(q *lookup) {
	at, op, number := q.location, q.op, q.number
	switch {
	case op == opRelease:
		l.lookups.unused.Put(q)
	case !q.ended.Swap(true):
		q.done <- struct{}{}
	case op == opClaim: // for a caller that left
		l.release(at, number)
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
