//go:build faults

package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/realstack"
)

// These cases have an operator change webhooks while leads flow: from the acknowledgement
// of a change on, every lead must go where it says, and none where it says no more.

// How many advertisers an operator has, and how many leads a second they get together.
const (
	tended   = 20
	tendFlow = 250.0
)

// A tending is an operator at work while leads flow.
type tending struct {
	*operator
	others    []*operator // who change webhooks too
	stop      func()
	published func()
}

// tends has an operator change webhooks while leads flow, until settles.
func (r *rig) tends() *tending {
	r.t.Helper()
	w := &tending{operator: r.operator("op", tended)}
	w.begins()
	r.crm.usually(usualCRM)
	return w
}

// goes has the leads flow and the operator work.
func (w *tending) goes() {
	w.r.t.Helper()
	w.published = w.r.publishing(either(15_000, 3000), tendFlow, w.hooks...)
	w.r.flows()
	w.stop = w.works()
	w.changes(3)
}

// changes waits until so many more changes are acknowledged by the operator's commands.
func (w *tending) changes(n int64) {
	w.r.t.Helper()
	want := w.done.Load() + n
	w.r.until(time.Minute, "an operator's changes", func() bool { return w.done.Load() >= want })
}

// settles ends the operator's work and the leads; then some more leads come, which must
// find everything as it was left.
func (w *tending) settles(fault string, end time.Time, seen string) {
	w.r.t.Helper()
	w.stop()
	w.published()
	w.r.publish(500, 0, w.hooks...)
	a := w.r.arrived(2 * time.Minute)
	if text, _ := w.refused.Load().(string); text != "" {
		w.r.t.Logf("a command failed: %s", text)
	}
	text := changed(a, append(w.others, w.operator)...)
	if seen != "" {
		text += "; " + seen
	}
	w.r.row(fault, a, end, text)
}

func TestFullWebhooksChangedWhileLeadsFlow(t *testing.T) {
	r := newRig(t, setup{})
	w := r.tends()
	r.runs(2)
	w.goes()
	time.Sleep(either(20*time.Second, 5*time.Second))
	w.settles("webhooks: added, changed, disabled and removed while leads flow", time.Time{}, "")
}

// TestWebhooksChangedWhileKafkaIsSlow has some connections be slower than others: a lead
// may come before the change that it must go by.
func TestWebhooksChangedWhileKafkaIsSlow(t *testing.T) {
	changedWhileKafkaIsSlow(newRig(t, setup{slowKafka: true}))
}

func changedWhileKafkaIsSlow(r *rig) {
	w := r.tends()
	r.runs(1)
	w.goes()
	if err := servers.kafkaLine.slow(400*time.Millisecond, 400*time.Millisecond); err != nil {
		r.t.Fatal(err)
	}
	w.changes(either(int64(60), 40))
	if err := servers.kafkaLine.heal(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	w.settles("webhooks: changed while Kafka answers after 0 to 0.8 s", time.Now(), "")
}

// byDefault is when Redis saves if nobody has configured it: after seconds and changes.
var byDefault = []string{"--save", "3600 1 300 100 60 10000"}

// TestRedisForgetsWhatWasSeeded kills a Redis that has not saved for a while: what was
// seeded meanwhile is not in it afterwards.
func TestRedisForgetsWhatWasSeeded(t *testing.T) {
	server := startRedis(t, byDefault...)
	redisForgets(newRig(t, setup{redis: server.Addr()}), server)
}

// newcomers is how many advertisers are new when Redis is killed: nobody has cached that
// they have webhooks.
const newcomers = 100

func redisForgets(r *rig, server *realstack.Redis) {
	w := r.tends()
	r.runs(2)
	redisDo(r.t, server.Addr(), "SAVE")
	w.goes()
	kills := either(3, 1)
	seeder := r.operator("new", kills*newcomers)
	w.others = append(w.others, seeder)
	var end time.Time
	for n := range kills {
		w.changes(2)
		come := seeder.hooks[n*newcomers:][:newcomers]
		if err := seeder.seeds(seeder.addTo(come)); err != nil {
			r.giveUp("webhooks of new advertisers: %v", err)
		}
		back := r.loses()
		server.Kill()
		r.publish(newcomers, 0, come...)
		r.restarted(server)
		end = back()
		w.changes(2)
	}
	w.settles(fmt.Sprintf("Redis: SIGKILL after changes that its RDB file does not have, %d times", kills), end,
		fmt.Sprintf("%d webhooks were new, of advertisers that had none", kills*newcomers))
}

// restarted kills a Redis and starts it again, with what is on its disk.
func (r *rig) restarted(server *realstack.Redis) {
	r.t.Helper()
	if err := server.Restart(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
}

// startRedis starts a Redis for one test.
func startRedis(t *testing.T, args ...string) *realstack.Redis {
	t.Helper()
	server, err := realstack.StartRedis(t.Context(), realstack.RedisOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// TestFullInstanceCutOffFromRedis has one of two instances hear nothing of Redis while
// webhooks are changed.
func TestFullInstanceCutOffFromRedis(t *testing.T) {
	r := newRig(t, setup{})
	cutOff(r, "Redis", servers.redisLine, "LEADHOOK_REDIS_URL=redis://"+servers.redisLine.addr()+"/0")
}

// TestFullInstanceCutOffFromKafka does the same with Kafka.
func TestFullInstanceCutOffFromKafka(t *testing.T) {
	r := newRig(t, setup{environ: quickSession})
	cutOff(r, "Kafka", servers.kafkaLine, "LEADHOOK_KAFKA_BROKERS="+servers.kafkaLine.addr())
}

func cutOff(r *rig, from string, line *line, setting string) {
	r.t.Helper()
	w := r.tends()
	r.runs(1)
	cut := r.startWith([]string{setting}, "run").ready()
	w.goes()
	began := time.Now()
	if err := line.cut(); err != nil {
		r.t.Fatal(err)
	}
	if from == "Kafka" {
		cut.died(began) // for the group, it is as good as dead
	}
	w.changes(3)
	time.Sleep(either(20*time.Second, 5*time.Second))
	r.notReady(cut)
	w.changes(3)
	if err := line.heal(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if from == "Redis" {
		r.note(fault{what: redisOff, from: began, to: time.Now()})
	}
	end := time.Now()
	cut.ready()
	w.settles("webhooks: one of two instances cut off from "+from+" while they change", end, "")
}

// TestFullRedisEmptiedUnderLoad has many webhooks beside those that change.
func TestFullRedisEmptiedUnderLoad(t *testing.T) {
	r := newRig(t, setup{})
	beside := r.many("beside", either(100_000, 2000))
	w := r.tends()
	instances := r.runs(2)
	w.goes()
	back := r.loses()
	servers.redisDo(t, "FLUSHALL")
	end := back()
	r.publish(500, 0, beside...)
	r.until(time.Minute, "leads of webhooks that nobody has cached arrive", func() bool { return r.crm.arrived(beside) >= 500 })
	served := time.Since(end)
	for _, i := range instances {
		i.ready()
	}
	if served > 10*time.Second {
		r.fails("served again only after %.1f s", served.Seconds())
	}
	w.changes(3)
	w.settles(fmt.Sprintf("Redis: emptied under load, with %d webhooks", len(beside)), end,
		fmt.Sprintf("500 advertisers that were not cached were served %.1f s later", served.Seconds()))
}

// arrived is how many POSTs of webhooks were taken.
func (c *crm) arrived(hooks []*hook) (n int) {
	for _, h := range hooks {
		n += c.at(h.path())
	}
	return n
}

// TestFullRedisEvicts changes the policy of a Redis that was sound at the start, and has it
// drop what it has.
func TestFullRedisEvicts(t *testing.T) {
	server := startRedis(t)
	r := newRig(t, setup{redis: server.Addr()})
	w := r.tends()
	instances := r.runs(2)
	w.goes()
	back := r.loses()
	redisDo(t, server.Addr(), "CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	redisDo(t, server.Addr(), "CONFIG", "SET", "maxmemory", "1500000")
	r.notReady(instances[0])
	w.changes(3)
	r.until(time.Minute, "Redis drops something", func() bool { return number(t, server.Addr(), "evicted_keys") > 0 })
	redisDo(t, server.Addr(), "CONFIG", "SET", "maxmemory", "0")
	redisDo(t, server.Addr(), "CONFIG", "SET", "maxmemory-policy", "noeviction")
	end := back()
	w.changes(3)
	w.settles("Redis: its eviction policy is changed while it is full", end,
		fmt.Sprintf("it dropped %d keys", number(t, server.Addr(), "evicted_keys")))
}

// number is what a Redis tells of itself in one line of INFO.
func number(t *testing.T, addr, name string) (n int) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	info, err := client.Info(context.WithoutCancel(t.Context())).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if text, found := strings.CutPrefix(line, name+":"); found {
			_, _ = fmt.Sscan(text, &n)
		}
	}
	return n
}

// TestFullTwoServicesOnOneRedis has the other one prune: remove all webhooks that its files do
// not have.
func TestFullTwoServicesOnOneRedis(t *testing.T) {
	r := newRig(t, setup{environ: []string{"LEADHOOK_REDIS_PREFIX=one"}})
	other := newRig(t, setup{environ: []string{"LEADHOOK_REDIS_PREFIX=other"}})
	w, pruner := r.tends(), other.operator("pruner", tended)
	pruner.begins()
	r.runs(1)
	other.runs(1)
	w.goes()
	published := other.publishing(1000, tendFlow, pruner.hooks...)
	for n := range 3 {
		kept, pruned := pruner.lives[:len(pruner.lives)-1], pruner.lives[len(pruner.lives)-1]
		ended := pruned.ask("")
		if err := pruner.seeds(kept, "--prune", "--yes"); err != nil {
			t.Fatal(n, err)
		}
		ended(acknowledged)
		pruner.lives = kept
		w.changes(1)
	}
	published()
	other.publish(500, 0, pruner.hooks...)
	b := other.arrived(time.Minute)
	w.settles("Redis: two services on it, and one seeds with --prune", time.Time{}, "of the other: "+changed(b, pruner))
}
