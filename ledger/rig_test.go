package ledger_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

// A ledgerRig is a running ledger and a Redis in a bubble of virtual time.
type ledgerRig struct {
	t      *testing.T
	server *miniredis.Miniredis
	line   *redistest.Line
	reg    *prometheus.Registry
	logs   *observer.ObservedLogs
	opts   ledger.Options
	ledger *ledger.Ledger
	stop   func() // ends the ledger's Run, and waits for it
	trips  *trips
	rdb    *redis.Client
}

func TestMain(m *testing.M) {
	logging.Disable() // of the client, which writes of every lost connection
	goleak.VerifyTestMain(m)
}

func runLedger(t *testing.T, opts ledger.Options, test func(t *testing.T, r *ledgerRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := miniredis.NewMiniRedis()
		server.ClockTTL(true)
		defer server.Close()
		core, logs := observer.New(zapcore.DebugLevel)
		r := &ledgerRig{
			t: t, server: server, line: &redistest.Line{Server: server}, logs: logs, opts: opts, trips: &trips{},
		}
		rdb := redistest.NewClient(r.line.Dial)
		defer redistest.Close(rdb)
		rdb.AddHook(r.trips)
		r.rdb = rdb
		r.start(rdb, zap.New(core))
		defer func() { r.stop() }()
		test(t, r)
	})
}

func (r *ledgerRig) start(rdb redis.UniversalClient, log *zap.Logger) {
	r.reg = prometheus.NewRegistry()
	r.ledger = ledger.New(rdb, r.opts, r.reg, log)
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.ledger.Run(ctx) })
	r.stop = func() { cancel(); wg.Wait() }
}

// another runs a second instance's ledger, on a line of its own.
func (r *ledgerRig) another(test func(other *ledgerRig)) {
	r.t.Helper()
	rdb := redistest.NewClient((&redistest.Line{Server: r.server}).Dial)
	defer redistest.Close(rdb)
	other := &ledgerRig{t: r.t, server: r.server, opts: r.opts}
	other.start(rdb, zap.NewNop())
	defer func() { other.stop() }()
	test(other)
}

// reached demands what the ledger knows of a delivery, within a time.
func (r *ledgerRig) reached(leadID, delivery string, want lead.Mark, within time.Duration) {
	r.t.Helper()
	started := time.Now()
	got, err := r.ledger.Reached(r.t.Context(), leadID, delivery)
	if err != nil || got != want {
		r.t.Errorf("lead %s, delivery %s: got %d, error %v, want %d", leadID, delivery, got, err, want)
	}
	if took := time.Since(started); took > within {
		r.t.Errorf("lead %s: the answer took %v, want at most %v", leadID, took, within)
	}
}

// flush demands that everything noted is in Redis within 50 ms.
func (r *ledgerRig) flush() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.ledger.Flush(ctx); err != nil {
		r.t.Error(err)
	}
}

// lines is how many were logged, without those that an outage still lasts.
func (r *ledgerRig) lines() int {
	return r.logs.Filter(func(line observer.LoggedEntry) bool {
		_, reminder := line.ContextMap()["lasting"]
		return !reminder
	}).Len()
}

// metric is the value of a metric, over all its labels.
func (r *ledgerRig) metric(name string) float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
		return sum
	}
	r.t.Fatalf("there is no metric %s", name)
	return 0
}

func delivery(leadID, webhook string) string {
	return lead.DeliveryID(&lead.Event{AdvertiserID: "USA_1", LeadID: leadID, Trigger: lead.NewContact}, webhook)
}

// trips counts round trips and can have writes refused.
type trips struct {
	mu     sync.Mutex
	reads  int
	writes int
	texts  int    // of scripts
	writer string // the hash of the script that writes marks, once its text was seen
	refuse error  // of scripts that write; nil: none
}

func (c *trips) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.mu.Lock()
		args := cmds[0].Args()
		if args[0] == "eval" {
			c.texts++
			if text, _ := args[1].(string); strings.Contains(text, "local function store") {
				c.writer = redis.NewScript(text).Hash()
				args = []any{"evalsha", c.writer}
			}
		}
		writes := args[1] == c.writer
		refuse := c.refuse
		if writes {
			c.writes++
		} else {
			c.reads++
		}
		c.mu.Unlock()
		if writes && refuse != nil {
			for _, cmd := range cmds {
				cmd.SetErr(refuse)
			}
			return refuse
		}
		return next(ctx, cmds)
	}
}

func (c *trips) refuseWrites(with error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = with
}

// since returns the round trips since the last call.
func (c *trips) since() (reads, writes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reads, writes = c.reads, c.writes
	c.reads, c.writes = 0, 0
	return reads, writes
}

// sent returns how often the text of a script was sent since the last call.
func (c *trips) sent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.texts
	c.texts = 0
	return n
}

// running is a ledger in real time until the test ends.
func running(tb testing.TB, rdb redis.UniversalClient, opts ledger.Options) *ledger.Ledger {
	l := ledger.New(rdb, opts, prometheus.NewRegistry(), zap.NewNop())
	ctx, cancel := context.WithCancel(tb.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	tb.Cleanup(func() { cancel(); wg.Wait() })
	return l
}

func flushed(tb testing.TB, l *ledger.Ledger) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	if err := l.Flush(ctx); err != nil {
		tb.Fatal(err)
	}
}
