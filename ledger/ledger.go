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
	// Prefix is what all keys in Redis begin with. Several services must not share
	// one. Empty: "leadhook".
	Prefix string

	// MaxPending bounds the marks that are kept in memory until Redis has
	// them, some 200 bytes each. Beyond it the oldest are dropped, and counted:
	// their deliveries may be made once more. Zero: 100,000.
	MaxPending int

	// ClaimFor is how long a claim lasts: longer than an attempt that begins as late as
	// it may. Zero: 20 s.
	ClaimFor time.Duration

	// Retention is the shortest time for which the mark of a delivery is kept if it
	// was never handed on: its first attempt or a quick retry delivered it. Marks that
	// were written with another one are found nonetheless. Zero: 72 hours.
	Retention time.Duration
}

// HandedOnKept is the shortest time for which the mark of a delivery is kept if it was
// ever handed on, to the retry queue or the dead letters.
const HandedOnKept = 40 * 24 * time.Hour

const (
	// The periods of the hashes. They never change, or marks that were written before
	// would not be found.
	deliveredPeriod = 12 * time.Hour
	handedOnPeriod  = 15 * 24 * time.Hour

	// Marks and look-ups gather for these times, from the beginning of one round
	// trip to that of the next. A full batch does not wait.
	gatherMarks   = 20 * time.Millisecond
	gatherLookups = 2 * time.Millisecond
	batchSize     = 512

	// lookupTimeout is long: while Redis is slow, leads that wait are better than
	// leads that come twice. When it is over, Redis counts as away, and no look-up
	// waits for it.
	lookupTimeout, writeTimeout = 500 * time.Millisecond, time.Second

	// writeAgain is how long after Redis refused marks they are written again.
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
	claims  claims
	marks   pendingMarks
	health  shardHealth
	refused *wait.Outage // while Redis does not take marks
}

// New returns a Ledger that uses a client for a single node, Sentinel or Cluster. It
// does not close the client, which should be made with ContextTimeoutEnabled. It
// registers its metrics with reg. It does not talk to Redis before [Ledger.Run].
func New(rdb redis.UniversalClient, opts Options, reg prometheus.Registerer, log *zap.Logger) *Ledger {
	log = log.Named("ledger")
	l := &Ledger{
		rdb: rdb,
		layout: layout{
			prefix:    cmp.Or(opts.Prefix, "leadhook"),
			delivered: retention{"delivered", 1, deliveredPeriod, cmp.Or(opts.Retention, 72*time.Hour)},
			handedOn:  retention{"handed-on", togetherHandedOn, handedOnPeriod, HandedOnKept},
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
	l.claims.init(cmp.Or(opts.ClaimFor, 20*time.Second), l.layout)
	l.lookups.keys = keyCache{layout: l.layout, list: layout.keysToRead}
	l.marks.init(cmp.Or(opts.MaxPending, 100_000))
	l.marks.keys = keyCache{layout: l.layout, list: layout.keysToWrite}
	l.metrics = newMetrics(reg, l)
	return l
}

// Run looks up and writes marks until ctx ends. Then a write that has begun may take
// another second, and so may writing the marks that are still pending. Marks that
// Redis does not take by then are lost. Run must be called once.
func (l *Ledger) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { l.answerLookups(ctx) })
	wg.Go(func() { l.writeMarks(ctx) })
	wg.Go(func() { l.watchShards(ctx) })
	wg.Wait()
}

// Reached returns how far a delivery of the lead with this id got: the mark in Redis or
// the one that was noted here, whichever is further. Zero means that nothing is known.
//
// It blocks until Redis has answered, together with the other look-ups that wait. If
// Redis does not answer within half a second, Reached returns only what was noted here
// and is not in Redis yet; while Redis is known to be away, it does so at once. Such
// look-ups are counted. The error is the cause of the end of ctx.
func (l *Ledger) Reached(ctx context.Context, leadID, delivery string) (lead.Mark, error) {
	return l.await(ctx, l.question(leadID, delivery))
}

// ReachedAll is [Ledger.Reached] for several deliveries of one lead, which are looked up
// together. The marks are in the order of the deliveries.
func (l *Ledger) ReachedAll(ctx context.Context, leadID string, deliveries []string) ([]lead.Mark, error) {
	questions := make([]question, len(deliveries))
	for i, delivery := range deliveries {
		questions[i] = l.question(leadID, delivery)
	}
	marks := make([]lead.Mark, len(deliveries))
	for i, q := range questions {
		var err error
		if marks[i], err = l.await(ctx, q); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

// Note remembers that a delivery of the lead with this id got as far as m. It does not
// block. Redis has the mark some 20 ms later; until then [Ledger.Reached] of this
// process knows it. If the mark is lost, in a crash or beyond MaxPending while Redis is
// away, the lead may be delivered again. A mark never goes down, in whatever order marks
// are noted.
func (l *Ledger) Note(leadID, delivery string, m lead.Mark) {
	if m == 0 {
		return
	}
	if !l.marks.note(l.layout.locate(leadID, delivery), m) {
		l.metrics.dropped.Inc()
	}
}

// Flush blocks until Redis has all marks that were noted before the call. If ctx ends
// first, the error says how many marks Redis does not have; they stay pending.
func (l *Ledger) Flush(ctx context.Context) error { return l.marks.flush(ctx) }
