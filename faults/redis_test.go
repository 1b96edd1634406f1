//go:build faults

package faults

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// away remembers that Redis does not answer, or takes no writes, until the returned
// function is called.
func (r *rig) away() (back func() time.Time) { return r.since(redisOff) }

// loses is away for a Redis that comes back without what it had.
func (r *rig) loses() (back func() time.Time) { return r.since(redisLost) }

func (r *rig) since(what faultKind) (back func() time.Time) {
	from := time.Now()
	return func() time.Time {
		to := time.Now()
		r.note(fault{what: what, from: from, to: to})
		return to
	}
}

func (r *rig) restartRedis() {
	r.t.Helper()
	if err := servers.redis.Restart(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
}

func TestFullRedisKilledAndRestarted(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	kills := either(3, 1)
	var end time.Time
	for range kills {
		r.flows()
		time.Sleep(r.moment(2 * time.Second))
		back := r.away()
		servers.redis.Kill()
		r.restartRedis()
		end = back()
	}
	published()
	r.row(fmt.Sprintf("Redis: SIGKILL and restart with its data, %d times", kills), r.once(2*time.Minute), end, "")
}

// TestFullRedisAwayForAMinute has new advertisers appear meanwhile, whose webhooks
// nobody has read: their leads wait.
func TestFullRedisAwayForAMinute(t *testing.T) {
	r := newRig(t, setup{})
	known, unknown := r.many("crm", advertisers), r.many("late", advertisers)
	instances := r.runs(2)
	r.publish(1000, 0, known...)
	r.arrived(time.Minute)
	back := r.away()
	servers.redis.Kill()
	away := either(time.Minute, 10*time.Second)
	r.publish(int(away.Seconds()*flow/2), flow, append(known, unknown...)...)
	time.Sleep(away / 2)
	served := r.crm.deliveries()
	r.notReady(instances[0])
	r.restartRedis()
	end := back()
	a := r.once(2 * time.Minute)
	r.row(fmt.Sprintf("Redis: away for %v", away), a, end,
		fmt.Sprintf("meanwhile %d leads of known advertisers were delivered from the cache", served-1000))
}

// TestRedisRestartedEmpty has nobody do anything about it: Redis is filled again from
// the topic, and nothing may be taken for "no webhooks" until then.
func TestRedisRestartedEmpty(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	back := r.loses()
	servers.redisDo(t, "FLUSHALL")
	servers.redis.Kill()
	r.restartRedis()
	end := back()
	published()
	a := r.arrived(2 * time.Minute)
	r.row("Redis: restarted empty", a, end, "")
}

// TestFullRedisEmptiedAndAProcessKilled is the worst of both: the ledger is lost,
// and what it would have absorbed is read again.
func TestFullRedisEmptiedAndAProcessKilled(t *testing.T) {
	r := newRig(t, setup{environ: quickKills})
	hooks := r.many("crm", advertisers)
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	back := r.loses()
	servers.redisDo(t, "FLUSHALL")
	servers.redis.Kill()
	r.restartRedis()
	instances[0].kill()
	end := back()
	published()
	allowed := eachKill(1, flow)
	allowed[noLedger] = int(2 * flow) // what is not committed yet: that of a second, and of what the commits take
	r.tolerates(claimsEnd, allowed)
	r.row("Redis: restarted empty while one of two is killed", r.arrived(2*time.Minute), end, "")
}

func TestFullRedisOutOfMemory(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	back := r.away()
	servers.redisDo(t, "CONFIG", "SET", "maxmemory", "1")
	time.Sleep(either(20*time.Second, 3*time.Second))
	servers.redisDo(t, "CONFIG", "SET", "maxmemory", "0")
	end := back()
	published()
	r.row("Redis: out of memory, refuses writes", r.once(2*time.Minute), end, "")
}

func TestFullRedisSlow(t *testing.T) {
	r := newRig(t, setup{slowRedis: true})
	hooks := r.many("crm", advertisers)
	r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	if err := servers.redisLine.slow(300*time.Millisecond, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	time.Sleep(either(20*time.Second, 3*time.Second))
	if err := servers.redisLine.heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	end := time.Now()
	published()
	r.row("Redis: slow (answers after 0.1 to 0.5 s)", r.once(2*time.Minute), end, "")
}

func TestFullRedisLineReset(t *testing.T) {
	r := newRig(t, setup{slowRedis: true})
	hooks := r.many("crm", advertisers)
	r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	for range either(5, 2) {
		r.flows()
		if err := servers.redisLine.reset(0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(r.moment(2 * time.Second))
		if err := servers.redisLine.heal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now()
	published()
	r.row("Redis: all connections reset, again and again", r.once(2*time.Minute), end, "")
}
