//go:build real

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/realstack"
)

// TestKafkaBehindTLSAndSASL goes through topics, publish, run and dlq with
// each mechanism.
func TestKafkaBehindTLSAndSASL(t *testing.T) {
	t.Parallel()
	k := realKafka(t, realstack.KafkaOptions{SASLSSL: true})
	for _, login := range []realstack.Login{realstack.Plain, realstack.Scram256, realstack.Scram512} {
		t.Run(login.Mechanism, func(t *testing.T) {
			crm := &answers{}
			r := newRig(t, setup{kafka: k.Addr(), noTopics: true, answer: crm.answer})
			r.environ = append(r.environ, "LEADHOOK_KAFKA_BROKERS="+k.SecureAddr(),
				"LEADHOOK_KAFKA_TLS_ENABLED=true", "LEADHOOK_KAFKA_TLS_CA_FILE="+k.CAFile(),
				"LEADHOOK_KAFKA_SASL_MECHANISM="+strings.ToLower(login.Mechanism),
				"LEADHOOK_KAFKA_SASL_USERNAME="+login.Username, "LEADHOOK_KAFKA_SASL_PASSWORD="+login.Password)
			r.createTopics()
			r.must("", "topics", "check")
			advertiser := r.name("USA_1")
			takes, refuses := r.hook("takes", advertiser), r.hook("refuses", advertiser)
			crm.on(refuses, answerOf(400))
			r.seed(takes, refuses)
			i := r.run().ready()
			r.publish(calls(advertiser, 1, 100)...)
			if got, want := r.settled(), (account{events: 100, wanted: 200, taken: 100, dead: 100, failed: 100}); got != want {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if got := strings.Count(r.must("", "dlq", "list", "--limit", "1000"), "refused"); got != 100 {
				t.Errorf("dlq list shows %d dead letters, want 100", got)
			}
			i.stop()

			r.environ = append(r.environ, "LEADHOOK_KAFKA_SASL_PASSWORD=wrong")
			got := r.leadhook("", "topics", "check")
			if got.code != exitFailed || !containsAll(got.errs, k.SecureAddr(), "kafka.sasl") {
				t.Errorf("with a wrong password: got exit code %d, want 1, the address and the setting:\n%s%s", got.code, got.out, got.errs)
			}
		})
	}
}

func TestRedisBehindTLSAndAPassword(t *testing.T) {
	t.Parallel()
	server, err := realstack.StartRedis(t.Context(), realstack.RedisOptions{TLS: true, Password: "hush-hush"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	r := newRig(t, setup{redis: server.URL(), environ: []string{"LEADHOOK_REDIS_TLS_CA_FILE=" + server.CAFile()}})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	i := r.run().ready()
	r.publish(calls(advertiser, 1, 100)...)
	r.exactly(100)
	i.stop()

	r.environ = append(r.environ, "LEADHOOK_REDIS_URL="+strings.Replace(server.URL(), "hush-hush", "hush-wrong", 1))
	got := r.leadhook("", "webhooks", "list")
	if got.code != exitFailed || !strings.Contains(got.errs, server.Addr()) || strings.Contains(got.errs+i.log.String(), "hush") {
		t.Errorf("with a wrong password: got exit code %d, want 1, the address and no password:\n%s", got.code, got.errs)
	}
}

// TestASentinelFailoverWhileLeadsFlow kills the primary. The cached
// advertisers are served meanwhile; the others wait for the replica.
func TestASentinelFailoverWhileLeadsFlow(t *testing.T) {
	t.Parallel()
	s, err := realstack.StartSentinel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := newRig(t, setup{redis: "redis://" + strings.Join(s.Addrs(), ",") + "/0", partitions: 12,
		environ: []string{"LEADHOOK_REDIS_MODE=sentinel", "LEADHOOK_REDIS_SENTINEL_MASTER=" + s.Master()}})
	r.seed(r.spread(manyAdvertisers)...)
	replicated(t, s)
	i := r.spawn().ready()
	published := r.publishMany("--rate", "2500") // eight seconds
	r.until("leads flow", func() bool { return r.taken() > 500 })
	s.Primary().Kill()
	began := time.Now()
	published()
	a := r.noneLost()
	i.ready()
	t.Logf("%d of %d came twice; all settled %v after the kill", a.twice, manyLeads, time.Since(began).Round(time.Millisecond))
	if a.twice != 0 {
		t.Errorf("%d leads came twice, want none: no instance ended", a.twice)
	}
	h := r.hook(r.spreadAdvertiser(1), r.spreadAdvertiser(1))
	h.URL += "/moved"
	r.seed(h) // to the new primary
	r.publish(event(h.Advertiser, "new_contact", "call", 1))
	r.until("the change counts", func() bool {
		posts := r.crm.Posts()
		return strings.HasSuffix(posts[len(posts)-1].Path, "/moved")
	})
	i.stop()
}

// replicated waits until the replica has what the primary has.
func replicated(t *testing.T, s *realstack.Sentinel) {
	t.Helper()
	size := func(addr string) int64 {
		rdb := redis.NewClient(&redis.Options{Addr: addr})
		defer func() { _ = rdb.Close() }()
		n, err := rdb.DBSize(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	until(t, poll, "the replica has everything", func() bool { return size(s.Primary().Addr()) == size(s.Replica().Addr()) })
}

// TestARedisClusterOfThree seeds and looks up over all shares.
func TestARedisClusterOfThree(t *testing.T) {
	t.Parallel()
	c, err := realstack.StartCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r := newRig(t, setup{redis: "redis://" + strings.Join(c.Addrs(), ","), partitions: 12,
		environ: []string{"LEADHOOK_REDIS_MODE=cluster"}})
	const advertisers = 200
	hooks := r.spread(advertisers)
	if out := r.seed(hooks...); !strings.Contains(out, "200 added") {
		t.Errorf("seed says\n%s", out)
	}
	i := r.run().ready()
	r.must("", r.publishSpread(2000, advertisers)...)
	r.exactly(2000)
	for n := range hooks {
		hooks[n].Active = false
	}
	r.seed(hooks...)
	r.must("", r.publishSpread(advertisers, advertisers)...)
	r.until("all is settled", func() bool { return r.lag() == 0 })
	if n := r.taken(); n != 2000 {
		t.Errorf("%d leads were sent to webhooks that were inactive", n-2000)
	}
	c.Nodes()[1].Kill()
	i.notReady("Redis")
	i.stop()
}
