package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// servers are the Kafka and the Redis of a world.
type servers struct {
	topic  follow.Topic
	memory *memoryLog // the topic, if it is one in memory
	client func() *redis.Client
	hurry  int // how many times faster than on a slow network everything is
}

// A world is a topic, a Redis, and the processes that use them.
type world struct {
	servers
	t     *testing.T
	dice  *dice
	seed  uint64
	boxes *seal.Keys
	began time.Time
	ctx   context.Context // ends with the schedule

	calm, readOnly, noRedis, noKafka atomic.Bool

	operator *redis.Client // on whom nothing fails
	clients  []*redis.Client
	backups  []map[string]map[string]string // by key
	days     int64                          // everything below is old enough to be compacted

	writers, waiting sync.WaitGroup
	late             int        // guarded by mu: what is to come later
	arrived          *sync.Cond // with mu: late became zero
	slots            [3]slot

	mu       sync.Mutex
	ops      []*op     // guarded by mu
	leads    []*found  // guarded by mu
	changing int       // guarded by mu: how many ops are under way
	trace    []string  // guarded by mu
	due      chan bool // closed when what is late shall come at once
}

func newWorld(t *testing.T, seed uint64, s servers) *world {
	w := &world{
		servers: s, t: t, seed: seed, dice: newDice(seed, "world"), began: time.Now(),
		boxes: seal.New([]seal.Key{seal.NewKey()}, false), due: make(chan bool),
	}
	w.arrived = sync.NewCond(&w.mu)
	w.operator = w.newClient()
	return w
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := float64(time.Since(w.began).Microseconds()) / 1000
	w.trace = append(w.trace, fmt.Sprintf("%10.3f ", at)+fmt.Sprintf(format, args...))
}

func (w *world) breaks() int64 {
	if w.memory == nil {
		return 0
	}
	return int64(w.memory.broke())
}

func (w *world) newClient() *redis.Client {
	client := w.client()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clients = append(w.clients, client)
	return client
}

// later runs something after a while, or when the world has calmed down.
func (w *world) later(after time.Duration, do func(ctx context.Context)) {
	w.mu.Lock()
	due := w.due
	w.late++
	w.mu.Unlock()
	go func() {
		select {
		case <-time.After(after / time.Duration(w.hurry)):
		case <-due:
		}
		do(w.ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.late--; w.late == 0 {
			w.arrived.Broadcast()
		}
	}()
}

// waitForLate waits until nothing is to come later. A writer may add to it meanwhile, which
// a WaitGroup does not permit.
func (w *world) waitForLate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.late > 0 {
		w.arrived.Wait()
	}
}

// process returns the log as a process sees it that is killed with ctx.
func (w *world) process(name string, kill context.CancelFunc) (*follow.Log, *line) {
	l := &line{w: w, dice: newDice(w.seed, name), kill: kill, inner: w.topic}
	l.seen.Store(w.breaks())
	client := w.newClient()
	client.AddHook(l)
	return &follow.Log{Topic: l, Shares: shares.New(client, "leadhook"), Boxes: w.boxes}, l
}

// A slot is where one instance runs after another.
type slot struct {
	*instance // nil: none runs
	n         int
}

// An instance is a service.
type instance struct {
	name  string
	cache *webhook.Cache
	line  *line
	ctx   context.Context
	stop  func()
}

func (w *world) start(i int) {
	s := &w.slots[i]
	s.n++
	name := fmt.Sprintf("instance %d.%d", i, s.n)
	ctx, cancel := context.WithCancel(w.ctx)
	log, l := w.process(name, cancel)
	inst := &instance{name: name, line: l, ctx: ctx}
	inst.cache = webhook.NewCache(log, webhook.Options{}, prometheus.NewRegistry(), zap.NewNop())
	done := make(chan struct{})
	go func() { inst.cache.Run(ctx); close(done) }()
	inst.stop = func() { cancel(); <-done }
	w.mu.Lock()
	s.instance = inst
	w.mu.Unlock()
	w.say("%s starts", name)
}

// end stops an instance, or kills it.
func (w *world) end(i int, kill bool) {
	w.mu.Lock()
	inst := w.slots[i].instance
	w.slots[i].instance = nil
	w.mu.Unlock()
	if inst == nil {
		return
	}
	if kill {
		inst.line.steps.Store(int64(1 + w.dice.below(5)))
		select {
		case <-inst.ctx.Done():
		case <-time.After(2 * time.Second / time.Duration(w.hurry)):
		}
	}
	inst.stop()
	w.say("%s ended", inst.name)
}

func (w *world) instance(i int) *instance {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.slots[i].instance
}

// An op is one change that somebody wants to make.
type op struct {
	name       string
	what       string
	began      time.Time
	ended      time.Time // zero: it was killed
	err        error
	advertiser map[string]string // of the webhooks that it changed, if it was acknowledged
	maybe      bool              // somebody else may have done the same
}

// change runs a change in a process of its own, which may be killed.
func (w *world) change(what string, do func(ctx context.Context, e *edit.Editor) (map[string]string, error)) {
	w.mu.Lock()
	o := &op{name: fmt.Sprintf("op%d", len(w.ops)+1), what: what, began: time.Now(), maybe: strings.HasPrefix(what, "remove")}
	w.ops = append(w.ops, o)
	w.changing++
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.ctx)
	log, l := w.process(o.name, cancel)
	if !w.calm.Load() && w.dice.chance(.2) {
		l.steps.Store(int64(1 + w.dice.below(25)))
	}
	l.noRedis.Store(w.dice.chance(.1))
	w.say("%s begins: %s", o.name, what)
	w.writers.Go(func() {
		defer cancel()
		changed, err := do(ctx, &edit.Editor{Log: log, By: o.name, With: "a test"})
		names := slices.Sorted(maps.Keys(changed))
		w.mu.Lock()
		w.changing--
		if !l.killed.Load() {
			o.ended, o.err = time.Now(), err
			if err == nil || strings.HasPrefix(what, "seed") { // a seed says what it did before it failed
				o.advertiser = changed
			}
		}
		w.mu.Unlock()
		w.say("%s ended: %v, error %v, killed %v", o.name, names, err, l.killed.Load())
	})
}

// found is what a look-up answered.
type found struct {
	advertiser, instance   string
	since, asked, answered time.Time
	hooks                  string // empty: it was not answered
}

// lead looks up an advertiser as often as an instance ends meanwhile.
func (w *world) lead(i int, advertiser string) {
	l := &found{advertiser: advertiser, asked: time.Now()}
	w.mu.Lock()
	w.leads = append(w.leads, l)
	w.mu.Unlock()
	w.waiting.Go(func() {
		for w.ctx.Err() == nil {
			inst := w.instance(i)
			if inst == nil {
				time.Sleep(50 * time.Millisecond / time.Duration(w.hurry))
				continue
			}
			since := time.Now()
			hooks, err := inst.cache.For(inst.ctx, advertiser, since)
			if err != nil && inst.ctx.Err() == nil {
				w.say("look-up of %s by %s: %v", advertiser, inst.name, err)
			}
			if err != nil {
				if errors.Is(err, lead.ErrAway) {
					time.Sleep(time.Second)
				}
				continue
			}
			w.mu.Lock()
			l.since, l.instance, l.answered, l.hooks = since, inst.name, time.Now(), describe(hooks)
			w.mu.Unlock()
			w.say("look-up of %s by %s since %.3f: %s", advertiser, inst.name, float64(since.Sub(w.began).Microseconds())/1000, l.hooks)
			return
		}
	})
}

// close ends everything.
func (w *world) close(cancel context.CancelFunc) {
	cancel()
	w.hasten()
	for i := range w.slots {
		w.end(i, false)
	}
	w.writers.Wait()
	w.waiting.Wait()
	w.waitForLate()
	for _, client := range w.clients {
		_ = client.Close()
	}
}

func (w *world) hasten() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.due)
	w.due = make(chan bool)
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.mu.Lock()
	trace := strings.Join(w.trace, "\n") + w.epochs()
	w.mu.Unlock()
	w.t.Errorf("seed %d: %s\n%s", w.seed, fmt.Sprintf(format, args...), trace)
	w.t.FailNow()
}

// epochs tells which records of epochs the topic ever had, and which are left.
func (w *world) epochs() string {
	if w.memory == nil {
		return ""
	}
	var text strings.Builder
	full, left := w.memory.everything()
	for _, r := range full {
		if _, ok := entry.EpochOf(r.Key); !ok && !strings.HasPrefix(r.Key, "open:") {
			continue
		}
		kept := slices.ContainsFunc(left, func(l topic.Record) bool { return l.Offset == r.Offset })
		fmt.Fprintf(&text, "\nrecord %d: %s, removes it: %v, after %v, left: %v", r.Offset, r.Key, r.Value == nil, r.Time.Sub(w.began), kept)
	}
	return text.String()
}
