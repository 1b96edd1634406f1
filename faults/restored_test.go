//go:build faults

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/realstack"
)

// These cases have a Redis come back that is older than what was acknowledged, in whole or
// in part.

// TestFullRedisRestoredFromABackup puts an old RDB file back.
func TestFullRedisRestoredFromABackup(t *testing.T) {
	server := startRedis(t, byDefault...)
	r := newRig(t, setup{redis: server.Addr()})
	w := r.tends()
	r.runs(2)
	w.goes()
	redisDo(t, server.Addr(), "SAVE")
	file := filepath.Join(dirOf(t, server), "dump.rdb")
	backup, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w.changes(10)
	back := r.loses()
	server.Kill()
	if err := os.WriteFile(file, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	r.restarted(server)
	end := back()
	w.changes(3)
	w.settles("Redis: restored from a backup that is ten changes old", end, "")
}

// dirOf is where a Redis keeps its files.
func dirOf(t *testing.T, server *realstack.Redis) string {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	found, err := client.ConfigGet(t.Context(), "dir").Result()
	if err != nil {
		t.Fatal(err)
	}
	return found["dir"]
}

// TestFullRedisReplicaPromotedThatLags has the replica hear nothing of the last changes
// before the primary is killed.
func TestFullRedisReplicaPromotedThatLags(t *testing.T) {
	s, err := realstack.StartSentinel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := newRig(t, setup{redis: strings.Join(s.Addrs(), ","),
		environ: []string{"LEADHOOK_REDIS_MODE=sentinel", "LEADHOOK_REDIS_SENTINEL_MASTER=" + s.Master()}})
	w := r.tends()
	r.runs(2)
	w.goes()
	back := r.away()
	redisDo(t, s.Primary().Addr(), "ACL", "SETUSER", "default", "-psync", "-sync")
	redisDo(t, s.Primary().Addr(), "CLIENT", "KILL", "TYPE", "replica")
	r.until(time.Minute, "the replica hears nothing", func() bool { return number(t, s.Primary().Addr(), "connected_slaves") == 0 })
	w.changes(3)
	s.Primary().Kill()
	end := back()
	w.changes(3)
	w.settles("Redis: the primary is killed, and a replica promoted that lags", end, "")
}

// TestFullRedisClusterNodesRolledBack empties one node of three, and rolls another one back.
func TestFullRedisClusterNodesRolledBack(t *testing.T) {
	c, err := realstack.StartCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r := newRig(t, setup{redis: strings.Join(c.Addrs(), ","), environ: []string{"LEADHOOK_REDIS_MODE=cluster"}})
	w := r.tends()
	r.runs(2)
	w.goes()
	emptied, rolledBack := c.Nodes()[0], c.Nodes()[1]
	redisDo(t, rolledBack.Addr(), "SAVE")
	w.changes(10)
	back := r.loses()
	r.restarted(emptied)
	w.changes(2)
	r.restarted(rolledBack)
	end := back()
	w.changes(3)
	w.settles("Redis Cluster: one node of three emptied, and one rolled back by ten changes", end, "")
}

// TestFullFillerKilled kills the instance that may be filling Redis again, at random moments.
func TestFullFillerKilled(t *testing.T) {
	r := newRig(t, setup{environ: quickKills})
	beside := r.many("beside", either(50_000, 2000))
	w := r.tends()
	instances := r.runs(2)
	w.goes()
	kills := either(6, 2)
	var end time.Time
	for n := range kills {
		back := r.loses()
		servers.redisDo(t, "FLUSHALL")
		r.publish(200, 0, beside...)
		time.Sleep(r.moment(700 * time.Millisecond))
		instances[n%2].kill()
		instances[n%2] = r.run()
		instances[n%2].ready()
		end = back()
		w.changes(1)
	}
	allowed := eachKill(kills, 2*tendFlow) // an advertiser has some webhooks
	allowed[noLedger] = kills * 1000       // what is not committed yet
	r.tolerates(claimsEnd, allowed)
	w.settles(fmt.Sprintf("Redis: emptied, and one of two is killed while it is filled again, %d times, with %d webhooks",
		kills, len(beside)), end, "")
}
