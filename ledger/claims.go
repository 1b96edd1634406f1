package ledger

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// A claim keeps other instances from attempting a delivery at the same time. It says who
// has it and until when, by the clock of Redis, and lies beside the marks, in hashes of
// its own: one for a bucket and a period, which expires by itself.
//
// The rules were tried with random schedules of instances that are killed, stop for a
// while and hand partitions over, and of requests that come late or twice. Each of them
// is there since two attempts met without it:
//
//   - Whoever claims counts from before it asked, on its own clock, and asks again if the
//     attempt has not begun soon after.
//   - A claim ends by itself or is released by whoever has it. A mark does not end it:
//     one that stopped for a while may write one while another attempts the delivery.
//   - Claims of an instance are numbered. A release that comes late does not end a later
//     claim, and a claim that comes late does not replace one.
const (
	claimPeriod = 30 * time.Second

	// claimSlack is how much the clock of Redis may differ from what is assumed here.
	claimSlack = 2 * time.Second

	// claimTries is how often a claim is sent if it turns out that the clock of Redis
	// is another one.
	claimTries = 2
)

// What is asked for a delivery.
const (
	opLookUp  = 'l'
	opClaim   = 'c'
	opRelease = 'r'
)

// claims is what this instance knows of claims.
type claims struct {
	owner [8]byte       // random: of each process another
	lasts time.Duration // of each claim
	last  atomic.Uint64 // number of the newest

	// Only answerLookups uses these.
	offsets [shards]time.Duration // of the clocks of Redis: each node of a Cluster has its own
	keys    claimKeys
}

func (c *claims) init(lasts time.Duration, l layout) {
	_, _ = rand.Read(c.owner[:]) // never fails
	c.lasts = lasts
	c.keys.layout = l
}

// Claim is [Ledger.Reached] for an instance whose record has the mark own, and which
// wants to attempt the delivery: unless the delivery got further, or another instance
// has claimed it, it is claimed for [Options.ClaimFor] from now on. A delivery that this
// instance has claimed can be claimed again. The attempt must end within that time,
// counted from before the call.
//
// While Redis is away or takes no writes, nothing is claimed, and attempts go on. That
// is counted. If ctx ends, a claim is released.
func (l *Ledger) Claim(ctx context.Context, leadID, delivery string, own lead.Mark) (lead.Claim, error) {
	at := l.layout.locate(leadID, delivery)
	noted := l.marks.get(at)
	if lookupsOff || noted > own || l.health.isAway(at.shard) {
		answered := lookupsOff || noted > own
		if !answered {
			l.metrics.unclaimed.Inc()
		}
		return lead.Claim{Reached: l.metrics.counted(noted, answered)}, nil
	}
	q := l.lookups.get(at)
	q.op, q.own, q.number = opClaim, own, l.claims.last.Add(1)
	if claimsOff {
		q.op = opLookUp
	}
	l.lookups.add(q)
	if err := q.wait(ctx); err != nil {
		return lead.Claim{}, err
	}
	return l.claimed(q, noted), nil
}

// claimed returns the answer to a claim, and counts it.
func (l *Ledger) claimed(q *lookup, noted lead.Mark) lead.Claim {
	c := lead.Claim{Reached: max(q.mark, noted), Held: q.held, Number: q.number}
	if c.Held > 0 {
		l.metrics.held.Inc()
	} else {
		l.metrics.counted(c.Reached, q.answered)
		if c.Reached <= q.own && !q.taken {
			l.metrics.unclaimed.Inc()
		}
	}
	l.lookups.unused.Put(q)
	return c
}

// Release ends a claim of this instance whose attempt was not made, or has failed. If a
// mark was noted, the claim ends when Redis has that: whoever waits for the claim must
// find the mark. Release does not block. A release that Redis does not get does no harm: the claim ends by
// itself.
func (l *Ledger) Release(leadID, delivery string, number uint64) {
	if number == 0 {
		return
	}
	if at := l.layout.locate(leadID, delivery); !l.marks.thenRelease(at, number) {
		l.release(at, number)
	}
}

func (l *Ledger) release(at location, number uint64) {
	if claimsOff || l.health.isAway(at.shard) {
		return
	}
	q := l.lookups.get(at)
	q.op, q.number = opRelease, number
	l.lookups.add(q)
}

// A span is some periods, numbered by the clock of Redis.
type span struct{ first, last int64 }

// span returns the periods of which a claim may be that counts now in a shard, and that
// which it is now; one more where the clocks may differ.
func (c *claims) span(now time.Time, shard int) span {
	there := now.Add(c.offsets[shard])
	period := func(t time.Time) int64 { return t.UnixMilli() / claimPeriod.Milliseconds() }
	reach := (c.lasts + claimPeriod - 1) / claimPeriod
	return span{period(there.Add(-claimSlack)) - int64(reach), period(there.Add(claimSlack))}
}

// claimKeys remembers the keys of the buckets that were in use lately, as [keyCache]
// does for marks.
type claimKeys struct {
	layout layout
	span   span
	keys   map[uint64][]any
}

func (c *claimKeys) of(bucket uint64, s span) []any {
	keys, known := c.keys[bucket]
	if known && c.span == s {
		return keys
	}
	if c.span != s || len(c.keys) >= mostKeys {
		c.span, c.keys = s, make(map[uint64][]any)
	}
	keys = c.layout.appendPeriods(nil, "claims", bucket&^hashedBit, bucket, s.first, s.last)
	c.keys[bucket] = keys
	return keys
}

// askAndClaim sends look-ups, claims and releases, and returns one answer for each of
// their shards.
func (l *Ledger) askAndClaim(ctx context.Context, batch []*lookup) []*redis.Cmd {
	var calls []*redis.Cmd
	now := time.Now()
	for shard := range runs(batch, location.sameShard) {
		var keys []any
		s := l.claims.span(now, shard[0].shard)
		args := []any{s.last - s.first + 1, s.first, claimPeriod.Milliseconds(), l.claims.lasts.Milliseconds(), l.claims.owner[:]}
		for bucket := range runs(shard, location.sameBucket) {
			keys = append(keys, l.lookups.keys.of(bucket[0].bucket, now)...)
			keys = append(keys, l.claims.keys.of(bucket[0].bucket, s)...)
			packed := make([]byte, 0, recordSize*len(bucket))
			for _, q := range bucket {
				packed = q.appendRecord(packed)
			}
			args = append(args, packed)
		}
		calls = append(calls, claimScript.call(ctx, keys, args))
	}
	l.runScript(ctx, claimScript, calls)
	return calls
}

// recordSize is that of a record in the arguments of claimScript.
const recordSize = 8 + 1 + 2 + 6

func (q *lookup) appendRecord(b []byte) []byte {
	b = append(appendField(b, q.location), q.op)
	b = binary.BigEndian.AppendUint16(b, uint16(q.own))
	return append(binary.BigEndian.AppendUint16(b, uint16(q.number>>32)),
		byte(q.number>>24), byte(q.number>>16), byte(q.number>>8), byte(q.number))
}

// An answer to claimScript begins with what became of the claims, and the time.
const (
	claimsTaken   = 'k' // those that nobody else has
	claimsRefused = 'r' // Redis takes no writes
	claimsMissed  = 'm' // the keys were of other periods: the clocks differ

	answerHead = 1 + 13
	answerSize = 2 + 3
)

// setAnswers sets what Redis answered to a shard's look-ups, unless it did not answer.
// refusal is why it takes no writes.
func (l *Ledger) setAnswers(shard []*lookup, answer *redis.Cmd) (missed bool, refusal, err error) {
	if err := failure(answer); err != nil {
		return false, nil, err
	}
	packed, _ := answer.Val().(string)
	end := answerHead + answerSize*len(shard)
	if len(packed) < end {
		return false, nil, fmt.Errorf("an answer of %d bytes instead of %d", len(packed), end)
	}
	what := packed[0]
	if now, err := strconv.ParseInt(packed[1:answerHead], 10, 64); err == nil && what == claimsMissed {
		l.claims.offsets[shard[0].shard] = time.Until(time.UnixMilli(now))
	}
	for i, q := range shard {
		a := packed[answerHead+answerSize*i:]
		q.mark = lead.Mark(a[0])<<8 | lead.Mark(a[1])
		q.held = time.Duration(int(a[2])<<16|int(a[3])<<8|int(a[4])) * time.Millisecond
		q.answered, q.taken = true, what == claimsTaken
	}
	if what == claimsRefused {
		refusal = errors.New(packed[end:])
	}
	return what == claimsMissed, refusal, nil
}
