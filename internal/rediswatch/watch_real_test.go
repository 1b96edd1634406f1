//go:build real

package rediswatch_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/internal/rediswatch"
)

// persistent has a Redis that is set up as it should be.
var persistent = []string{"--appendonly", "yes"}

func startRedis(t *testing.T, args ...string) *realstack.Redis {
	t.Helper()
	server, err := realstack.StartRedis(t.Context(), realstack.RedisOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// do sends a server one command.
func do(t *testing.T, server *realstack.Redis, command ...any) {
	t.Helper()
	if err := client(t, server.Addr()).Do(t.Context(), command...).Err(); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
}

// watching watches a real Redis until the test ends. The name of the node is "redis".
func watching(t *testing.T, rdb redis.UniversalClient) *rig {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	r := &rig{t: t, reg: prometheus.NewRegistry(), logs: logs}
	r.named("kafka/leads", nil)
	r.watch = rediswatch.New(rdb, rediswatch.Options{
		Prefix: "leadhook", Node: "redis", Owner: func(context.Context) (string, error) { return (*r.self.Load())() },
		Compare: func(theirs, asked, answered time.Time) { r.compared.Store(&[3]time.Time{theirs, asked, answered}) },
	}, r.reg, zap.New(core))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.watch.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

// comesTo waits until exactly these problems are seen.
func (r *rig) comesTo(what string, want ...string) {
	r.t.Helper()
	slices.Sort(want)
	deadline := time.Now().Add(30 * time.Second)
	for {
		got := r.problems()
		if slices.Equal(got, want) && (len(want) > 0 || r.watch.Ready() == nil) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: got problems %q, ready: %v, want %q", what, got, r.watch.Ready(), want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestRealRedisIsChangedWhileItRuns(t *testing.T) {
	t.Parallel()
	server, primary := startRedis(t, persistent...), startRedis(t)
	host, port, _ := net.SplitHostPort(primary.Addr())
	r := watching(t, client(t, server.Addr()))
	r.comesTo("as it should be")
	for name, c := range map[string]struct {
		change, back []any
		problems     []string
		cause        string // in readiness or its notes
	}{
		"eviction": {[]any{"CONFIG", "SET", "maxmemory-policy", "allkeys-random"}, []any{"CONFIG", "SET", "maxmemory-policy", "noeviction"},
			[]string{"eviction redis"}, "allkeys-random"},
		"replica": {[]any{"REPLICAOF", host, port}, []any{"REPLICAOF", "NO", "ONE"},
			[]string{"replica redis", "writes redis"}, "READONLY"},
		"too few replicas": {[]any{"CONFIG", "SET", "min-replicas-to-write", "1"}, []any{"CONFIG", "SET", "min-replicas-to-write", "0"},
			[]string{"writes redis"}, "NOREPLICAS"},
		"no memory": {[]any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"},
			[]string{"writes redis", "memory redis"}, "OOM"},
		"no append-only file": {[]any{"CONFIG", "SET", "appendonly", "no"}, []any{"CONFIG", "SET", "appendonly", "yes"},
			[]string{"not_saved redis"}, "saves nothing"},
		"writes hang": {[]any{"CLIENT", "PAUSE", "60000", "WRITE"}, []any{"CLIENT", "UNPAUSE"},
			[]string{"writes redis"}, "no answer within 3s"},
	} {
		do(t, server, c.change...)
		r.comesTo(name, c.problems...)
		if told := fmt.Sprint(r.watch.Ready(), r.watch.Notes()); !strings.Contains(told, c.cause) {
			t.Errorf("%s: told %s, want %s", name, told, c.cause)
		}
		do(t, server, c.back...)
		r.comesTo(name + " is over")
	}
}

func TestRealSnapshotsAndAFullDisk(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	do(t, server, "CONFIG", "SET", "save", "3600 1")
	r := watching(t, client(t, server.Addr()))
	r.comesTo("snapshots", "snapshots redis")
	file := filepath.Join(client(t, server.Addr()).ConfigGet(t.Context(), "dir").Val()["dir"], "dump.rdb")
	if err := os.Mkdir(file, 0o700); err != nil { // it cannot be replaced by a file
		t.Fatal(err)
	}
	do(t, server, "BGSAVE")
	r.comesTo("a save failed", "snapshots redis", "save_failed redis", "writes redis")
	if err := r.watch.Ready(); err == nil || !strings.Contains(err.Error(), "MISCONF") {
		t.Errorf("a save failed: got %v, want MISCONF", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	do(t, server, "BGSAVE")
	r.comesTo("a save succeeded", "snapshots redis")
}

func TestRealRedisThatForbidsInfo(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	do(t, server, "ACL", "SETUSER", "leadhook", "on", ">pw", "~leadhook:*", "&leadhook:*", "+@all", "-@dangerous")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "leadhook", Password: "pw", ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	r := watching(t, rdb)
	r.comesTo("INFO and CONFIG are forbidden")
	do(t, server, "CONFIG", "SET", "maxmemory", "1")
	r.comesTo("no memory", "writes redis")
	do(t, server, "CONFIG", "SET", "maxmemory", "0")
	r.comesTo("memory again")
	if got := r.logs.FilterMessage("Redis does not tell all about itself; that is accepted").Len(); got != 1 {
		t.Errorf("it was told %d times that INFO is forbidden, want once", got)
	}
}

func TestRealRedisThatIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	r := watching(t, client(t, server.Addr()))
	r.comesTo("nothing is saved", "not_saved redis")
	r.logs.TakeAll()
	server.Kill()
	if err := server.Restart(t.Context()); err != nil { // empty
		t.Fatal(err)
	}
	rdb := client(t, server.Addr())
	for rdb.Get(t.Context(), ownerKey).Val() != "kafka/leads" {
		if t.Context().Err() != nil {
			t.Fatal("it was not claimed again")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := r.lines(); len(got) > 0 {
		t.Errorf("got log %q, want none: others tell that it is away", got)
	}
}

func TestRealClusterNodes(t *testing.T) {
	t.Parallel()
	cluster, err := realstack.StartCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close() })
	for _, node := range cluster.Nodes() {
		do(t, node, "CONFIG", "SET", "appendonly", "yes")
	}
	if err := cluster.ServeInPart(t.Context()); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs()[:1], ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	r := watching(t, rdb)
	r.comesTo("as it should be")
	one, other := cluster.Nodes()[1], cluster.Nodes()[2]
	do(t, one, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	do(t, other, "CONFIG", "SET", "min-replicas-to-write", "1")
	r.comesTo("two nodes", "eviction "+one.Addr(), "writes "+other.Addr())
	if r.holds() {
		t.Error("a node evicts: leads wait")
	}
	do(t, one, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	do(t, other, "CONFIG", "SET", "min-replicas-to-write", "0")
	r.comesTo("corrected")
	other.Kill()
	do(t, one, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	r.comesTo("beside a node that is away", "eviction "+one.Addr())
}

func TestRealSentinelFailover(t *testing.T) {
	t.Parallel()
	s, err := realstack.StartSentinel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, server := range []*realstack.Redis{s.Primary(), s.Replica()} {
		do(t, server, "CONFIG", "SET", "appendonly", "yes")
	}
	do(t, s.Replica(), "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: s.Master(), SentinelAddrs: s.Addrs(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	r := watching(t, rdb)
	r.comesTo("as it should be")
	s.Primary().Kill()
	r.comesTo("the replica was promoted, and evicts", "eviction redis")
	do(t, s.Replica(), "CONFIG", "SET", "maxmemory-policy", "noeviction")
	r.comesTo("corrected")
}
