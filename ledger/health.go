package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
)

const (
	// A shard that does not answer is probed until it does: after soon at first,
	// and then less and less often, down to once in seldom.
	soon, seldom = 50 * time.Millisecond, time.Second

	// wellFor is how long all shards must have answered before the next outage is
	// probed after soon again.
	wellFor = 5 * time.Second
)

// shardHealth knows which shards of Redis do not answer, so that no look-up waits for
// them. A round trip may find that a shard does not answer; only a probe finds that it
// answers again.
type shardHealth struct {
	suspicion chan struct{} // holds a token when a probe is due
	outage    *wait.Outage

	mu       sync.Mutex
	causes   [shards]error // guarded by mu; nil: the shard answers, or was not asked yet
	refusals [shards]error // guarded by mu; why the shard answers but takes no writes
}

func (h *shardHealth) init(log *zap.Logger) {
	h.suspicion = make(chan struct{}, 1)
	h.outage = wait.NewOutage(log, zapcore.WarnLevel,
		"cannot read the ledger from Redis; leads that come again may be delivered twice",
		"reading the ledger from Redis again")
}

// isAway reports whether a shard does not answer.
func (h *shardHealth) isAway(shard int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.causes[shard] != nil
}

// lost notes why a shard does not answer, and requests a probe.
func (h *shardHealth) lost(shard int, cause error) {
	h.mu.Lock()
	h.causes[shard] = cause
	h.mu.Unlock()
	h.suspect()
}

// refuses notes why a shard takes no writes, and requests a probe.
func (h *shardHealth) refuses(shard int, cause error) {
	h.mu.Lock()
	h.refusals[shard] = cause
	h.mu.Unlock()
	h.suspect()
}

// suspect requests a probe of all shards.
func (h *shardHealth) suspect() { offer(h.suspicion) }

// set notes what a probe found: why each shard does not answer, or takes no writes.
func (h *shardHealth) set(causes, refusals [shards]error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.causes, h.refusals = causes, refusals
}

// cause returns why some shard does not answer; nil if all do.
func (h *shardHealth) cause() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return cmp.Or(h.causes[:]...)
}

// refusal returns why some shard answers but takes no writes; nil if there is none.
func (h *shardHealth) refusal() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return cmp.Or(h.refusals[:]...)
}

// logHealth logs an outage if a shard does not answer or takes no writes, and its end. It
// reports whether all is well.
func (l *Ledger) logHealth() (well bool) {
	cause, refusal := l.health.cause(), l.refusal()
	log(l.health.outage, cause)
	log(l.refused, refusal)
	return cause == nil && l.health.refusal() == nil
}

func log(o *wait.Outage, cause error) {
	if cause != nil {
		o.Failed(cause)
	} else {
		o.Recovered()
	}
}

// refusal returns why Redis takes no writes, as far as is known, or else nil.
func (l *Ledger) refusal() error { return cmp.Or(l.health.refusal(), l.marks.refusal()) }

// Ready returns why Redis takes no writes of the ledger, or nil if it does: what was
// delivered meanwhile waits in memory, within a bound, and nothing is claimed. A Redis
// that does not answer at all is not told here.
func (l *Ledger) Ready() error {
	if cause := l.refusal(); cause != nil {
		return fmt.Errorf("Redis takes no writes, so leads may come twice: %w", cause)
	}
	return nil
}

// watchShards waits until something goes wrong and then probes the shards until all
// answer, again and again until ctx ends. A shard that answers probes but not round
// trips is probed no more often than one that does not answer at all.
func (l *Ledger) watchShards(ctx context.Context) {
	retry := wait.Endless(soon, seldom)
	for well := true; ; {
		began := time.Now()
		if well {
			select {
			case <-l.health.suspicion:
			case <-ctx.Done():
				return
			}
		}
		if time.Since(began) > wellFor {
			retry.Reset()
		}
		l.logHealth()
		if !wait.For(ctx, retry.NextBackOff()) {
			return
		}
		l.probeShards(ctx)
		well = l.logHealth()
	}
}

// probeShards writes something in each shard.
func (l *Ledger) probeShards(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	answers := make([]*redis.Cmd, l.layout.shards)
	_, _ = l.rdb.Pipelined(limited, func(p redis.Pipeliner) error {
		for n := range answers {
			answers[n] = p.Eval(limited, probeScript, []string{l.layout.prefix + ":{" + strconv.Itoa(n) + "}:ledger:probe"})
		}
		return nil
	})
	var causes, refusals [shards]error
	for n, answer := range answers {
		causes[n] = failure(answer)
		if refusal, _ := answer.Val().(string); refusal != "" {
			refusals[n] = errors.New(refusal)
		}
	}
	if ctx.Err() == nil {
		l.health.set(causes, refusals)
	}
}
