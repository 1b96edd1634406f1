package ledger

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// Options are the settings of a [Ledger]. The zero value is usable.
type Options struct {
	// MaxPending bounds the marks that are kept in memory until Redis has
	// them, some 200 bytes each. Beyond it the oldest are dropped, and counted:
	// their deliveries may be made once more. Zero: 100,000.
	MaxPending int

	// HandedOnKept is the shortest time for which the marks of deliveries that were
	// ever handed on are kept: as long as the dead-letter topic keeps its records.
	// Zero: 30 days. Marks from before a change of it are no longer found.
	HandedOnKept time.Duration
}

const (
	// deliveredKept is the shortest time for which the mark of a delivery is kept
	// if the first attempt, or a quick retry, brought it to its CRM.
	deliveredKept = 24 * time.Hour

	// Between the beginnings of two round trips marks and look-ups gather, unless
	// a batch is full.
	gatherMarks   = 20 * time.Millisecond
	gatherLookups = 2 * time.Millisecond
	batchSize     = 512

	// A round trip of look-ups may take long: leads that wait while Redis is slow
	// are better than leads that come twice. When that time is over, Redis is
	// known to be away, and no look-up waits for it.
	lookupTimeout, writeTimeout = 500 * time.Millisecond, time.Second

	// writeAgain is when marks that Redis refused are written again.
	writeAgain = 250 * time.Millisecond
)

// A Ledger remembers in Redis how far each delivery got, for all instances:
// across crashes, rebalances and events that are published again. It is safe
// for concurrent use, and needs its Run to be running.
//
// It makes duplicates rare and is not what keeps leads from being lost: while
// Redis is away, or after it lost its data, deliveries go on without it.
type Ledger struct {
	rdb     redis.UniversalClient
	layout  layout
	metrics *metrics
	lookups pendingLookups
	marks   pendingMarks
	health  shardHealth
	refused *wait.Outage // of the marks that Redis does not take
}

// New returns a ledger on a client for a single node, Sentinel or Cluster, which
// it does not close and which should be made with ContextTimeoutEnabled. It
// registers its metrics with reg; Redis is not asked before [Ledger.Run].
func New(rdb redis.UniversalClient, opts Options, reg prometheus.Registerer, log *zap.Logger) *Ledger {
	log = log.Named("ledger")
	l := &Ledger{
		rdb: rdb,
		layout: layout{
			delivered: retention{"delivered", 1, deliveredKept},
			handedOn:  retention{"handed-on", togetherHandedOn, max(cmp.Or(opts.HandedOnKept, 30*24*time.Hour), deliveredKept)},
			shards:    1,
		},
		refused: wait.NewOutage(log, zapcore.WarnLevel,
			"cannot write the ledger to Redis; its marks wait in memory", "writing the ledger to Redis again"),
	}
	if _, cluster := rdb.(*redis.ClusterClient); cluster {
		l.layout.shards = shards
	}
	l.health.init(log)
	l.lookups.batches = newBatchSignal(gatherLookups)
	l.lookups.keys = keyCache{layout: l.layout, list: layout.keysToRead}
	l.marks.init(cmp.Or(opts.MaxPending, 100_000))
	l.marks.keys = keyCache{layout: l.layout, list: layout.keysToWrite}
	l.metrics = newMetrics(reg, l)
	return l
}

// Run asks and writes for the ledger until ctx ends. Then a write under way has
// a second to end, and so has writing what is still pending. What Redis does not
// take is lost.
func (l *Ledger) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { l.answerLookups(ctx) })
	wg.Go(func() { l.writeMarks(ctx) })
	wg.Go(func() { l.watchShards(ctx) })
	wg.Wait()
}

// Reached returns how far a delivery of the lead with this id got: the furthest
// of what Redis says and of what was noted here. Zero means that nothing is
// known.
//
// It blocks until Redis has answered, together with the other look-ups that
// wait. If Redis does not answer within half a second, Reached returns what was
// noted here and Redis does not have yet; while Redis is known to be away, it does
// so at once. Both are counted. The error is the cause of the end of ctx.
func (l *Ledger) Reached(ctx context.Context, leadID, delivery string) (lead.Mark, error) {
	if lookupsOff {
		return 0, nil
	}
	at := l.layout.locate(leadID, delivery)
	noted := l.marks.get(at)
	if noted == lead.MarkDelivered || l.health.isAway(at.shard) {
		return l.metrics.counted(noted, noted == lead.MarkDelivered), nil
	}
	q := l.lookups.add(at)
	select {
	case <-q.done:
		reached, answered := max(noted, q.mark), q.answered
		l.lookups.unused.Put(q)
		return l.metrics.counted(reached, answered), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Note remembers that a delivery of the lead with this id got as far as m. It
// does not block. Redis has the mark some 20 ms later, and until then it counts
// for [Ledger.Reached] of this process. What is lost of it by a crash, or beyond
// MaxPending while Redis is away, may be delivered again. A mark never goes down,
// whatever the order in which marks are noted.
func (l *Ledger) Note(leadID, delivery string, m lead.Mark) {
	if m == 0 {
		return
	}
	if !l.marks.note(l.layout.locate(leadID, delivery), m) {
		l.metrics.dropped.Inc()
	}
}

// Flush blocks until Redis has everything that was noted before. If ctx ends
// first, the error says how many marks Redis does not have; they stay pending.
func (l *Ledger) Flush(ctx context.Context) error { return l.marks.flush(ctx) }
