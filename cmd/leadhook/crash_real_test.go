//go:build real

package main

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
)

const (
	manyLeads       = 20_000
	manyAdvertisers = 1000
)

// realKafka is a node of the test's own, which may be killed.
func realKafka(t *testing.T, opts realstack.KafkaOptions) *realstack.Kafka {
	t.Helper()
	k, err := realstack.StartKafka(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// publishMany publishes in the background; the returned function waits for
// the end.
func (r *rig) publishMany(more ...string) (wait func()) {
	published := make(chan result, 1)
	go func() { published <- r.leadhook("", r.publishSpread(manyLeads, manyAdvertisers, more...)...) }()
	return func() {
		r.t.Helper()
		got := <-published
		if got.code != exitDone {
			r.t.Fatalf("publish: exit code %d\n%s%s", got.code, got.out, got.errs)
		}
		r.t.Log(strings.TrimSpace(got.out))
	}
}

// noneLost checks the account of publishMany once all is settled, and returns
// it.
func (r *rig) noneLost() account {
	r.t.Helper()
	got := r.settled()
	want := account{events: manyLeads, wanted: manyLeads, taken: manyLeads, twice: got.twice, failed: got.failed}
	if got != want {
		r.t.Errorf("got  %v\nwant %v", got, want)
	}
	return got
}

func TestTwentyThousandLeadsForAThousandAdvertisers(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{partitions: 12})
	r.seed(r.spread(manyAdvertisers)...)
	instances := []*instance{r.spawn().ready(), r.spawn().ready()}
	r.publishMany()()
	r.exactly(manyLeads)
	for _, i := range instances {
		if i.metric(`leadhook_deliveries_total{format="json",outcome="delivered"}`) == 0 {
			t.Error("one of two instances delivered nothing")
		}
		i.stop()
	}
}

// TestOneOfTwoInstancesIsKilled counts what comes twice: what the killed one
// had delivered since its last commit, or while an earlier lead of the
// partition was still open.
func TestOneOfTwoInstancesIsKilled(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{partitions: 12, answer: slowly(5 * time.Millisecond)})
	r.seed(r.spread(manyAdvertisers)...)
	first, second := r.spawn(), r.spawn()
	first.ready()
	second.ready()
	published := r.publishMany("--rate", "5000")
	r.until("leads flow", func() bool { return r.taken() > manyLeads/4 })
	first.kill()
	began := time.Now()
	published()
	a := r.noneLost()
	t.Logf("%d of %d came twice after the kill; settled %v after it", a.twice, manyLeads, time.Since(began).Round(time.Millisecond))
	second.stop()
}

func TestKafkaIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	k := realKafka(t, realstack.KafkaOptions{})
	r := newRig(t, setup{kafka: k.Addr(), partitions: 12, answer: slowly(5 * time.Millisecond)})
	r.seed(r.spread(manyAdvertisers)...)
	r.publishMany()() // a publisher whose broker dies fails, and says so: not the point here
	i := r.spawn()
	r.until("leads flow", func() bool { return r.taken() > 100 })
	if r.lag() == 0 {
		t.Fatal("everything was done before the kill")
	}
	k.Kill()
	i.notReady(k.Addr())
	if err := k.Restart(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	i.ready()
	a := r.noneLost()
	t.Logf("%d of %d came twice", a.twice, manyLeads)
	i.stop()
}

// TestRedisIsKilledAndRestartedEmpty has leads of a thousand advertisers arrive while
// Redis is away, and while it is filled again.
func TestRedisIsKilledAndRestartedEmpty(t *testing.T) {
	t.Parallel()
	server := startRealRedis(t)
	r := newRig(t, setup{redis: server.url, partitions: 12})
	r.seed(r.spread(manyAdvertisers)...)
	i := r.spawn().ready()
	published := r.publishMany("--rate", "8000")
	r.until("leads flow", func() bool { return r.taken() > 1000 })
	server.kill()
	i.notReady("Redis")
	server.empty()
	i.ready()
	published()
	a := r.noneLost()
	t.Logf("%d of %d came twice", a.twice, manyLeads)
	i.end(syscall.SIGTERM)
}
