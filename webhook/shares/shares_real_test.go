//go:build real

package shares_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/webhook/shares"
)

func realRedis(t *testing.T) redis.UniversalClient {
	t.Helper()
	server, err := realstack.StartRedis(t.Context(), realstack.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _, _ = rdb.Close(), server.Close() })
	return rdb
}

func realSentinel(t *testing.T) (redis.UniversalClient, *realstack.Sentinel) {
	t.Helper()
	servers, err := realstack.StartSentinel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: servers.Master(), SentinelAddrs: servers.Addrs(), ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _, _ = rdb.Close(), servers.Close() })
	return rdb, servers
}

// realCluster is a Cluster of which the rest serves when a node is away.
func realCluster(t *testing.T) (redis.UniversalClient, *realstack.Cluster) {
	t.Helper()
	cluster, err := realstack.StartCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _, _ = rdb.Close(), cluster.Close() })
	if err := cluster.ServeInPart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return rdb, cluster
}

func TestOnRealRedis(t *testing.T) {
	t.Parallel()
	rdb := realRedis(t)
	runContract(t, rdb)
	checkFill(t, rdb)
}

func TestOnRealSentinel(t *testing.T) {
	t.Parallel()
	rdb, servers := realSentinel(t)
	runContract(t, rdb)

	// A replica refuses a step, and changes nothing.
	r := newRig(rdb)
	r.mustFill(t, shares.Place{}, at(1, ""), shares.Record{Key: keyIn(7, 0), Value: value(1, "a")})
	if n, err := rdb.Do(t.Context(), "WAIT", 1, 10_000).Int(); err != nil || n != 1 {
		t.Fatalf("the replica has not followed: %d, error %v", n, err)
	}
	replica := redis.NewClient(&redis.Options{Addr: servers.Replica().Addr(), ContextTimeoutEnabled: true})
	defer replica.Close()
	onReplica := &rig{Shares: shares.New(replica, r.prefix), rdb: replica, prefix: r.prefix}
	err := onReplica.fill(t, at(1, ""), at(2, ""), shares.Record{Key: keyIn(7, 0), Value: value(2, "b")})
	if err == nil || errors.Is(err, shares.ErrMoved) || !strings.Contains(err.Error(), "READONLY") {
		t.Errorf("filling a replica: got %v", err)
	}
	onReplica.wantStored(t, at(1, ""), map[string][]byte{keyIn(7, 0): value(1, "a")})
}

func TestOnRealCluster(t *testing.T) {
	t.Parallel()
	rdb, cluster := realCluster(t)
	runContract(t, rdb)

	// Without one node, the shares of the others are filled and read.
	r := newRig(rdb)
	var steps []shares.Step
	var asked []string
	for share := range shares.Count {
		steps = append(steps, shares.Step{Share: share, To: at(1, "")})
		asked = append(asked, keyIn(share, 0))
	}
	if err := errors.Join(r.Fill(t.Context(), epoch, steps)...); err != nil {
		t.Fatal(err)
	}
	cluster.Nodes()[0].Kill()
	for share := range steps {
		steps[share].From, steps[share].To = at(1, ""), at(2, "")
	}
	begun := time.Now()
	filled, there, right := 0, 0, 0
	for _, err := range r.Fill(t.Context(), epoch, steps) {
		if err == nil {
			filled++
		} else if errors.Is(err, shares.ErrDamaged) {
			t.Error(err)
		}
	}
	for _, state := range r.States(t.Context(), epoch) {
		if state.Err == nil && state.Place == at(2, "") {
			there++
		}
	}
	for _, answer := range r.Get(t.Context(), epoch, asked) {
		if answer.Err == nil && answer.Place == at(2, "") {
			right++
		}
	}
	if there < shares.Count/2 || there > shares.Count*5/6 || right != there || filled > there {
		t.Errorf("without one node of three: filled %d, got %d states and %d answers of %d", filled, there, right, shares.Count)
	}
	if _, err := r.Epochs(t.Context()); err == nil {
		t.Error("the epochs are known without a node")
	}
	t.Logf("filled %d, %d there, in %v", filled, there, time.Since(begun))

	// It comes back empty: what it had is to be filled anew, the rest is as it was.
	if err := cluster.Nodes()[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	empty, kept := 0, 0
	for deadline := time.Now().Add(30 * time.Second); empty+kept < shares.Count; {
		if time.Now().After(deadline) {
			t.Fatalf("after the node's return: %d shares empty, %d kept of %d", empty, kept, shares.Count)
		}
		empty, kept = 0, 0
		for _, state := range r.States(t.Context(), epoch) {
			switch {
			case state.Err == nil && state.Place == shares.Place{}:
				empty++
			case state.Err == nil && state.Place == at(2, ""):
				kept++
			}
		}
	}
	if kept != there {
		t.Errorf("kept %d shares, want the %d of the other nodes", kept, there)
	}
}

// TestFullRedisChangesNothing fills a Redis beyond what it takes.
func TestFullRedisChangesNothing(t *testing.T) {
	t.Parallel()
	rdb := realRedis(t)
	r := newRig(rdb)
	key := keyIn(7, 0)
	r.mustFill(t, shares.Place{}, at(1, ""), shares.Record{Key: key, Value: value(1, "a")})
	if err := rdb.Set(t.Context(), "filler", strings.Repeat("x", 4<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := rdb.ConfigSet(t.Context(), "maxmemory", "2mb").Err(); err != nil {
		t.Fatal(err)
	}
	more := []shares.Record{{Key: key, Value: value(2, "b")}}
	for n := range 100 {
		more = append(more, shares.Record{Key: keyIn(7, n+1), Value: value(1, fmt.Sprint("c", n))})
	}
	if err := r.fill(t, at(1, ""), at(2, ""), more...); err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("filling a full Redis: got %v", err)
	}
	r.wantStored(t, at(1, ""), map[string][]byte{key: value(1, "a"), keyIn(7, 1): nil})
	if err := rdb.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	r.mustFill(t, at(1, ""), at(2, ""), more...)
	r.wantStored(t, at(2, ""), map[string][]byte{key: value(2, "b"), keyIn(7, 1): value(1, "c0")})
}
