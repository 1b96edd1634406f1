package rediswatch_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/internal/rediswatch"
)

func TestMain(m *testing.M) {
	logging.Disable() // of the client, which writes of every lost connection
	goleak.VerifyTestMain(m)
}

// healthy is what a Redis tells that is set up as it should be.
var healthy = map[string]string{
	"role": "master", "maxmemory_policy": "noeviction", "maxmemory": "0", "used_memory": "1000",
	"aof_enabled": "1", "aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok", "rdb_last_bgsave_status": "ok",
}

// A rig watches a Redis in virtual time.
type rig struct {
	t      *testing.T
	server *miniredis.Miniredis
	line   *redistest.Line
	redis  *answers
	reg    *prometheus.Registry
	logs   *observer.ObservedLogs
	watch  *rediswatch.Watch
	self   atomic.Pointer[func() (string, error)]

	compared atomic.Pointer[[3]time.Time] // what Compare was told last
}

func run(t *testing.T, prepare func(r *rig), test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := miniredis.NewMiniRedis()
		defer server.Close()
		r := &rig{t: t, server: server, line: &redistest.Line{Server: server}, reg: prometheus.NewRegistry(),
			redis: &answers{info: maps.Clone(healthy)}}
		r.named("kafka/leads", nil)
		prepare(r)
		core, logs := observer.New(zap.DebugLevel)
		r.logs = logs
		rdb := redistest.NewClient(r.line.Dial)
		defer redistest.Close(rdb)
		rdb.AddHook(r.redis)
		r.watch = rediswatch.New(rdb, rediswatch.Options{
			Prefix: "leadhook", Node: "redis:6379", Owner: func(context.Context) (string, error) { return (*r.self.Load())() },
			Compare: func(theirs, asked, answered time.Time) { r.compared.Store(&[3]time.Time{theirs, asked, answered}) },
		}, r.reg, zap.New(core))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.watch.Run(ctx) })
		defer func() { cancel(); wg.Wait() }()
		synctest.Wait()
		test(r)
	})
}

// named says what the service finds to be its own name.
func (r *rig) named(name string, err error) {
	self := func() (string, error) { return name, err }
	r.self.Store(&self)
}

// soon is when a change was seen for certain.
func soon() { time.Sleep(6 * time.Second) }

// holds reports whether leads wait.
func (r *rig) holds() bool {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Millisecond)
	defer cancel()
	return r.watch.Await(ctx) != nil
}

// problems are those whose metric is 1.
func (r *rig) problems() []string {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	found := []string{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range m.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			if m.GetGauge().GetValue() == 1 {
				found = append(found, strings.TrimSpace(labels["problem"]+" "+labels["node"]))
			}
		}
	}
	slices.Sort(found)
	return found
}

// lines are the messages that were logged, with their problem.
func (r *rig) lines() []string {
	lines := []string{}
	for _, line := range r.logs.TakeAll() {
		what, _ := line.ContextMap()["problem"].(string)
		lines = append(lines, strings.TrimSpace(line.Message+" "+what))
	}
	return lines
}

func (r *rig) wants(what string, problems []string, lines ...string) {
	r.t.Helper()
	if diff := cmp.Diff(append([]string{}, problems...), r.problems()); diff != "" {
		r.t.Errorf("%s: problems (-want +got):\n%s", what, diff)
	}
	if diff := cmp.Diff(append([]string{}, lines...), r.lines()); diff != "" {
		r.t.Errorf("%s: log (-want +got):\n%s", what, diff)
	}
}

// answers are what a Redis says of itself, and why it takes no writes.
type answers struct {
	mu      sync.Mutex
	info    map[string]string
	save    string
	refusal error // of SET
	infoErr error
	saveErr error
}

func (a *answers) set(change func(*answers)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

func (a *answers) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a *answers) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		a.mu.Lock()
		refusal := a.refusal
		a.mu.Unlock()
		if refusal != nil && cmd.Name() == "set" {
			cmd.SetErr(refusal)
			return refusal
		}
		return next(ctx, cmd)
	}
}

func (a *answers) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		_ = next(ctx, cmds)
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, cmd := range cmds {
			switch cmd := cmd.(type) {
			case *redis.StringCmd:
				if !redisAnswered(cmd.Err()) {
					continue
				}
				var text strings.Builder
				for name, value := range a.info {
					text.WriteString(name + ":" + value + "\r\n")
				}
				cmd.SetVal("# Server\r\n" + text.String())
				cmd.SetErr(a.infoErr)
			case *redis.MapStringStringCmd:
				cmd.SetVal(map[string]string{"save": a.save})
				cmd.SetErr(a.saveErr)
			}
		}
		return cmds[0].Err()
	}
}

func redisAnswered(err error) bool {
	_, answered := errors.AsType[redis.Error](err)
	return err == nil || answered
}

// said is an error that Redis returns.
type said string

func (s said) Error() string { return string(s) }
func (s said) RedisError()   {}

func TestWhatIsFoundBeginsAndEnds(t *testing.T) {
	const down, up = "Redis is not as leadhook needs it ", "Redis is as leadhook needs it again "
	const look, looked = "Redis needs a look ", "Redis no longer needs a look "
	for name, c := range map[string]struct {
		change     func(*answers)
		begin, end string // log messages
		problem    string
		text       string // in readiness or its notes
		ready      bool
	}{
		"another policy": {
			change: func(a *answers) { a.info["maxmemory_policy"] = "allkeys-lru" },
			begin:  down, end: up, problem: "eviction", text: "set it to noeviction",
		},
		"a policy for keys that expire": {
			change: func(a *answers) { a.info["maxmemory_policy"] = "volatile-ttl" }, ready: true,
		},
		"demoted": {
			change: func(a *answers) {
				maps.Copy(a.info, map[string]string{"role": "slave", "master_host": "r2", "master_port": "1"})
			},
			begin: down, end: up, problem: "replica", text: "a replica of r2:1",
		},
		"read-only": {
			change: func(a *answers) { a.refusal = said("READONLY You can't write against a read only replica.") },
			begin:  down, end: up, problem: "writes", text: "does not take writes: READONLY",
		},
		"no memory": {
			change: func(a *answers) { a.refusal = said("OOM command not allowed when used memory > 'maxmemory'.") },
			begin:  down, end: up, problem: "writes", text: "OOM",
		},
		"disk full": {
			change: func(a *answers) { a.info["rdb_last_bgsave_status"] = "err" },
			begin:  look, end: looked, problem: "save_failed", text: "whether its disk is full", ready: true,
		},
		"append-only file not written": {
			change: func(a *answers) { a.info["aof_last_write_status"] = "err" },
			begin:  look, end: looked, problem: "save_failed", text: "aof_last_write_status", ready: true,
		},
		"no persistence": {
			change: func(a *answers) { a.info["aof_enabled"] = "0" },
			begin:  look, end: looked, problem: "not_saved", text: "set appendonly yes", ready: true,
		},
		"snapshots": {
			change: func(a *answers) { a.info["aof_enabled"], a.save = "0", "3600 1" },
			begin:  "Redis could be set up better ", end: "Redis is set up better now ", problem: "snapshots",
			text: "save 3600 1", ready: true,
		},
		"nearly full": {
			change: func(a *answers) { a.info["maxmemory"], a.info["used_memory"] = "1000", "950" },
			begin:  look, end: looked, problem: "memory", text: "95 %", ready: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(*rig) {}, func(r *rig) {
				r.wants("healthy", nil)
				r.redis.set(c.change)
				soon()
				var problems, begin, end []string
				if c.problem != "" {
					problems = []string{c.problem + " redis:6379"}
					begin, end = []string{c.begin + c.problem}, []string{c.end + c.problem}
				}
				r.wants("while it lasts", problems, begin...)
				told := strings.Join(r.watch.Notes(), "\n")
				if err := r.watch.Ready(); (err == nil) != c.ready {
					t.Errorf("ready: got %v, want %v", err, c.ready)
				} else if err != nil {
					told = err.Error()
				}
				if !strings.Contains(told, c.text) || c.text != "" && !strings.HasPrefix(told, "redis:6379: ") {
					t.Errorf("told: got %q, want the node and %q", told, c.text)
				}
				if r.holds() {
					t.Error("leads wait")
				}
				r.redis.set(func(a *answers) { a.info, a.save, a.refusal = maps.Clone(healthy), "", nil })
				soon()
				r.wants("afterwards", nil, end...)
				if err := r.watch.Ready(); err != nil || r.holds() {
					t.Errorf("afterwards: ready %v, leads wait: %t", err, r.holds())
				}
			})
		})
	}
}

func TestWhatMayBeMeantIsLoggedOnce(t *testing.T) {
	run(t, func(r *rig) { r.redis.info["aof_enabled"] = "0" }, func(r *rig) {
		time.Sleep(10 * time.Minute)
		r.wants("no persistence", []string{"not_saved redis:6379"}, "Redis needs a look not_saved")
		r.redis.set(func(a *answers) { a.refusal = said("OOM") })
		time.Sleep(2*time.Minute + 30*time.Second)
		if got := len(r.lines()); got != 3 {
			t.Errorf("it takes no writes for two and a half minutes: got %d lines, want one at once and one each minute", got)
		}
	})
}

func TestMemoryAtTheLimitIsNotLoggedAgainAndAgain(t *testing.T) {
	run(t, func(r *rig) { r.redis.info["maxmemory"] = "1000" }, func(r *rig) {
		for i := range 20 {
			r.redis.set(func(a *answers) { a.info["used_memory"] = []string{"905", "895"}[i%2] })
			soon()
		}
		r.wants("up and down", []string{"memory redis:6379"}, "Redis needs a look memory")
	})
}

func TestRedisThatTellsNothingIsAccepted(t *testing.T) {
	no := said("NOPERM this user has no permissions to run the 'info' command")
	run(t, func(r *rig) { r.redis.infoErr, r.redis.saveErr = no, said("ERR unknown command 'config'") }, func(r *rig) {
		time.Sleep(time.Minute)
		r.wants("INFO is forbidden", nil, "Redis does not tell all about itself; that is accepted")
		if r.holds() || r.watch.Ready() != nil {
			t.Errorf("INFO is forbidden: got %v, want it accepted", r.watch.Ready())
		}
		r.redis.set(func(a *answers) { a.refusal = said("OOM") })
		soon()
		r.wants("it takes no writes", []string{"writes redis:6379"}, "Redis is not as leadhook needs it writes")
	})
}

// Others find that Redis is away, and say so.
func TestARedisThatIsAwayIsAsItWas(t *testing.T) {
	run(t, func(r *rig) { r.redis.info["maxmemory_policy"] = "allkeys-lfu" }, func(r *rig) {
		r.wants("at the start", []string{"eviction redis:6379"}, "Redis is not as leadhook needs it eviction")
		r.line.Cut()
		r.redis.set(func(a *answers) { a.info = healthy })
		time.Sleep(30 * time.Second)
		r.wants("away", []string{"eviction redis:6379"})
		r.line.Mend()
		soon()
		r.wants("back", nil, "Redis is as leadhook needs it again eviction")
	})
}

func TestNothingIsReadBeforeTheFirstLook(t *testing.T) {
	run(t, func(r *rig) { r.line.Cut() }, func(r *rig) {
		soon()
		if err := r.watch.Ready(); !r.holds() || err == nil || !strings.Contains(err.Error(), "the line is cut") {
			t.Errorf("Redis is away: got %v, want its cause, and leads that wait", err)
		}
		r.line.Mend()
		soon()
		if err := r.watch.Ready(); r.holds() || err != nil {
			t.Errorf("Redis is back: got %v, want leads to be delivered", err)
		}
		r.wants("log", nil, "cannot look at Redis yet; leads wait", "Redis was looked at")
	})
}
