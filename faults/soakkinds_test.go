//go:build faults

package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/realstack"
)

// A soakKind is one kind of fault of a soak. It takes what is random in it from r alone.
type soakKind struct {
	name   string
	ours   bool // until it is over, healthy webhooks may have to wait
	strike func(s *soak, r *rand.Rand) (heal func())
	crm    behaviour // of CRMs, instead of strike
}

var soakKinds = []soakKind{
	{name: "broker killed", ours: true, strike: (*soak).brokerKilled},
	{name: "broker paused", ours: true, strike: (*soak).brokerPaused},
	{name: "broker slow", ours: true, strike: (*soak).brokerSlow},
	{name: "connections to brokers reset", ours: true, strike: (*soak).brokerReset},
	{name: "Redis failover", ours: true, strike: (*soak).redisFailsOver},
	{name: "Redis killed", ours: true, strike: (*soak).redisKilled},
	{name: "Redis slow", ours: true, strike: (*soak).redisSlow},
	{name: "Redis refuses writes", ours: true, strike: (*soak).redisRefuses},
	{name: "SIGKILL", ours: true, strike: (*soak).killsOne},
	{name: "SIGTERM", strike: (*soak).stopsOne},
	{name: "SIGSTOP", ours: true, strike: (*soak).freezesOne},
	{name: "join", strike: (*soak).joins},
	{name: "CRM hangs", crm: hangs},
	{name: "CRM answers 500", crm: status(http.StatusInternalServerError)},
	{name: "CRM resets", crm: resets(true)},
	{name: "CRM slow", crm: slowly(3 * time.Second)},
	{name: "webhooks changed", strike: (*soak).changesWebhooks},
}

// sure ends the soak if one of its own steps fails.
func (s *soak) sure(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.giveUp("%s: %v", what, err)
	}
}

func (s *soak) broker(r *rand.Rand) (n int, broker *realstack.Kafka) {
	n = r.IntN(len(s.three.lines))
	return n, s.three.cluster.Nodes()[n]
}

func (s *soak) brokerKilled(r *rand.Rand) (heal func()) {
	_, broker := s.broker(r)
	broker.Kill()
	return func() {
		for _, other := range s.three.cluster.Nodes() {
			_ = other.Signal(syscall.SIGCONT) // one that is paused as well: there must be two to go on
		}
		s.sure("restart a broker", broker.Revive(context.Background()))
	}
}

func (s *soak) brokerPaused(r *rand.Rand) (heal func()) {
	_, broker := s.broker(r)
	_ = broker.Signal(syscall.SIGSTOP) // another fault may have killed it
	return func() { _ = broker.Signal(syscall.SIGCONT) }
}

func (s *soak) brokerSlow(r *rand.Rand) (heal func()) {
	n, _ := s.broker(r)
	delay := 100*time.Millisecond + time.Duration(r.Int64N(int64(400*time.Millisecond)))
	s.sure("slow a line", s.three.lines[n].slow(delay, delay/2))
	return func() { s.sure("heal a line", s.three.lines[n].mend(context.Background(), "latency")) }
}

func (s *soak) brokerReset(r *rand.Rand) (heal func()) {
	lines := s.three.lines
	if n := r.IntN(len(lines) + 1); n < len(lines) {
		lines = lines[n : n+1]
	}
	for _, l := range lines {
		s.sure("reset a line", l.reset(0))
	}
	return func() {
		for _, l := range lines {
			s.sure("heal a line", l.mend(context.Background(), "reset_peer"))
		}
	}
}

// redisAway notes that the ledger is away until all is well again.
func (s *soak) redisAway() { s.whole = append(s.whole, s.away()) }

func (s *soak) redisFailsOver(*rand.Rand) (heal func()) {
	s.redisAway()
	if err := s.redis.FailOver(context.Background()); err != nil {
		s.says("the sentinels refuse a failover: %v", err) // another fault was first
	}
	return func() {}
}

func (s *soak) redisKilled(*rand.Rand) (heal func()) {
	s.redisAway()
	var victim *realstack.Redis
	s.until(soakPatience, "the sentinels know a primary", func() bool { victim = s.redis.Current(context.Background()); return victim != nil })
	victim.Kill()
	return func() {
		s.until(soakPatience, "the replica is promoted", func() bool {
			current := s.redis.Current(context.Background())
			return current != nil && current != victim
		})
		s.until(soakPatience, "the primary answers", func() bool { return answers(s.redis.Current(context.Background()).Addr()) })
		s.sure("revive Redis", s.redis.Revive(context.Background()))
	}
}

// redisSlow has the primary answer nobody for a third of a second, twice a second.
func (s *soak) redisSlow(*rand.Rand) (heal func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var pauses sync.WaitGroup
	pauses.Go(func() {
		for ctx.Err() == nil {
			for _, one := range s.bothRedis() {
				s.redisTells(one, "CLIENT", "PAUSE", 300)
			}
			time.Sleep(600 * time.Millisecond)
		}
	})
	return func() { cancel(); pauses.Wait() }
}

// redisRefuses has Redis take no writes, in one of the ways in which it does.
func (s *soak) redisRefuses(r *rand.Rand) (heal func()) {
	s.redisAway()
	setting, refuses, takes := "maxmemory", "1", "0"
	if r.IntN(2) == 0 {
		setting, refuses, takes = "min-replicas-to-write", "2", "0"
	}
	for _, one := range s.bothRedis() {
		s.redisTells(one, "CONFIG", "SET", setting, refuses)
	}
	return func() {
		for _, one := range s.bothRedis() {
			s.redisTells(one, "CONFIG", "SET", setting, takes)
		}
	}
}

func (s *soak) bothRedis() []*realstack.Redis {
	return []*realstack.Redis{s.redis.Primary(), s.redis.Replica()}
}

// redisTells sends a Redis a command, which may be down.
func (s *soak) redisTells(one *realstack.Redis, command ...any) {
	client := redis.NewClient(&redis.Options{Addr: one.Addr(), MaxRetries: -1})
	defer client.Close()
	_ = client.Do(context.Background(), command...).Err()
}

// take has one of the instances be none that is well.
func (s *soak) take(r *rand.Rand) *instance {
	s.t.Helper()
	if len(s.instances) == 0 {
		s.giveUp("no instance is left to be broken")
	}
	n := r.IntN(len(s.instances))
	i := s.instances[n]
	s.instances = slices.Delete(slices.Clone(s.instances), n, n+1)
	return i
}

func (s *soak) killsOne(r *rand.Rand) (heal func()) {
	s.take(r).kill()
	return func() { s.instances = append(s.instances, s.run()) }
}

// stopsOne replaces an instance in an orderly way.
func (s *soak) stopsOne(r *rand.Rand) (heal func()) {
	s.instances = append(s.instances, s.run())
	old := s.takeOf(r, s.instances[:len(s.instances)-1])
	old.term()
	return func() { old.await(soakPatience) }
}

// takeOf is take, of some of the instances.
func (s *soak) takeOf(r *rand.Rand, some []*instance) *instance {
	if len(some) == 0 {
		return s.take(r)
	}
	i := some[r.IntN(len(some))]
	s.instances = slices.DeleteFunc(slices.Clone(s.instances), func(o *instance) bool { return o == i })
	return i
}

func (s *soak) freezesOne(r *rand.Rand) (heal func()) {
	i := s.take(r)
	i.freeze()
	return func() { i.thaw(); s.instances = append(s.instances, i) }
}

func (s *soak) joins(*rand.Rand) (heal func()) {
	joined := s.run()
	return func() { joined.stop() }
}

// sickens has the CRMs misbehave that are there for this kind.
func (s *soak) sickens(k soakKind) (heal func()) {
	for _, h := range s.sick[k.name] {
		s.crm.behave(h.path(), k.crm)
	}
	return func() {
		for _, h := range s.sick[k.name] {
			s.crm.behave(h.path(), usualCRM)
		}
	}
}

func (s *soak) changesWebhooks(*rand.Rand) (heal func()) { return s.operator.works() }
