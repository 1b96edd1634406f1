package webhook_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

// A rig is a running cache in front of a Redis, in a bubble of virtual time.
type rig struct {
	t      *testing.T
	server *miniredis.Miniredis
	line   *redistest.Line
	store  *webhook.Store // what a seed command uses: always connected
	cache  *webhook.Cache
	reg    *prometheus.Registry
	logs   *observer.ObservedLogs
	reads  *reads
}

var withGrace = webhook.Options{Grace: 5 * time.Minute}

// run starts a rig in a bubble.
func run(t *testing.T, opts webhook.Options, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := miniredis.NewMiniRedis()
		defer server.Close()
		core, logs := observer.New(zapcore.DebugLevel)
		r := &rig{
			t: t, server: server, line: &redistest.Line{Server: server}, reg: prometheus.NewRegistry(), logs: logs, reads: &reads{},
		}
		direct := redistest.NewClient((&redistest.Line{Server: server}).Dial)
		defer redistest.Close(direct)
		rdb := redistest.NewClient(r.line.Dial)
		defer redistest.Close(rdb)
		rdb.AddHook(r.reads)
		r.store = webhook.NewStore(direct, "leadhook")
		r.cache = webhook.NewCache(webhook.NewStore(rdb, "leadhook"), opts, r.reg, zap.New(core))

		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.cache.Run(ctx) })
		defer func() { cancel(); wg.Wait() }()
		time.Sleep(time.Second)
		test(t, r)
	})
}

// reads counts what was asked about advertisers, probes aside, and can hold
// the answers back.
type reads struct {
	mu    sync.Mutex
	asked []string
	trips int
	hold  chan struct{} // if not nil, answers wait until it is closed
}

func (r *reads) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (r *reads) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (r *reads) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		var asked []string
		for _, cmd := range cmds {
			if _, advertiser, _ := strings.Cut(fmt.Sprint(cmd.Args()...), ":standing:"); advertiser != "" {
				asked = append(asked, advertiser)
			}
		}
		err := next(ctx, cmds)
		if len(asked) == 0 {
			return err
		}
		r.mu.Lock()
		r.asked, r.trips = append(r.asked, asked...), r.trips+1
		hold := r.hold
		r.mu.Unlock()
		if hold != nil {
			<-hold
		}
		return err
	}
}

// since returns what was asked since the last call, and in how many trips.
func (r *reads) since() ([]string, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked, trips := r.asked, r.trips
	r.asked, r.trips = nil, 0
	return asked, trips
}

// holdBack holds answers until the function it returns is called.
func (r *reads) holdBack() (release func()) {
	hold := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = hold
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hold = nil
		close(hold)
	}
}

func (r *rig) seed(hooks ...lead.Webhook) {
	r.t.Helper()
	seed(r.t, r.store, hooks...)
	synctest.Wait()
}

// begin is the first seed; the cache notices it within a second or so.
func (r *rig) begin(hooks ...lead.Webhook) {
	r.t.Helper()
	r.seed(hooks...)
	time.Sleep(2 * time.Second)
}

// wants demands that the cache answers at once, with webhooks of these URLs.
func (r *rig) wants(advertiser string, urls ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	started := time.Now()
	got, err := r.cache.For(ctx, advertiser)
	if err != nil || !slices.Equal(urlsOf(got), urls) {
		r.t.Errorf("%s: got %v, error %v, want %v", advertiser, urlsOf(got), err, urls)
	}
	if waited := time.Since(started); waited > 250*time.Millisecond {
		r.t.Errorf("%s: the answer took %v", advertiser, waited)
	}
}

func urlsOf(hooks []*lead.Webhook) []string {
	var urls []string
	for _, h := range hooks {
		urls = append(urls, h.URL)
	}
	return urls
}

// asks is a look-up that may have to wait.
func (r *rig) asks(ctx context.Context, advertiser string) *pending {
	p := &pending{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.hooks, p.err = r.cache.For(ctx, advertiser)
	}()
	synctest.Wait()
	return p
}

type pending struct {
	done  chan struct{}
	hooks []*lead.Webhook
	err   error
}

func (p *pending) waits() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// wants demands that the look-up is answered by now, with webhooks of these
// URLs.
func (p *pending) wants(t *testing.T, urls ...string) {
	t.Helper()
	if p.waits() {
		t.Errorf("the look-up still waits, want %v", urls)
		return
	}
	if got := urlsOf(p.hooks); p.err != nil || !slices.Equal(got, urls) {
		t.Errorf("got %v, error %v, want %v", got, p.err, urls)
	}
}

// metric is the value of a metric, over all its labels.
func (r *rig) metric(name string) float64 {
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

// at is a webhook of an advertiser whose URL ends in path.
func at(advertiser, path string) lead.Webhook {
	h := hook("w-"+advertiser, advertiser)
	h.URL = "https://crm.example.com/" + path
	return h
}

func urlAt(path string) string { return "https://crm.example.com/" + path }
