package main

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	redis "github.com/alicebob/miniredis/v2/server"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/webhook/shares"
)

// newCluster starts an embedded Kafka whose partitions a test can have fail.
func newCluster(t testing.TB) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// noReplicas has a partition of a topic refuse all records.
func noReplicas(c *kfake.Cluster, topic string, partition int) *kfake.FaultHandle {
	return c.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Partitions: []int32{int32(partition)}, Err: kerr.NotEnoughReplicas, Count: -1,
	})
}

// advertiserIn returns an advertiser whose leads are in a partition.
func (r *rig) advertiserIn(partition int, name string) string {
	return r.advertiserThat(partition, name, func(string) bool { return true })
}

// advertiserThat is advertiserIn for one that will do.
func (r *rig) advertiserThat(partition int, name string, will func(advertiser string) bool) string {
	numbers := make([]int, r.partitions)
	for i := range numbers {
		numbers[i] = i
	}
	for {
		var hash kafka.Murmur2Balancer
		if hash.Balance(kafka.Message{Key: []byte(r.name(name))}, numbers...) == partition && will(r.name(name)) {
			return r.name(name)
		}
		name += "x"
	}
}

// few is how much may be open where a test has more wait than that.
var few = []string{"LEADHOOK_CONSUMER_OPEN_EVENTS=160", "LEADHOOK_HTTP_MAX_IN_FLIGHT=32"}

// refusingAt has the CRM answer 400 where the path of the webhook has a word.
func refusingAt(word string) func(samplecrm.Post) samplecrm.Answer {
	return func(p samplecrm.Post) samplecrm.Answer {
		if strings.Contains(p.Path, word) {
			return samplecrm.Answer{Status: http.StatusBadRequest}
		}
		return samplecrm.Answer{}
	}
}

// failingUntil has the CRM answer 403 where the path of the webhook has "fails", until it is
// healed.
func failingUntil(healed *atomic.Bool) func(samplecrm.Post) samplecrm.Answer {
	return func(p samplecrm.Post) samplecrm.Answer {
		if strings.Contains(p.Path, "fails") && !healed.Load() {
			return samplecrm.Answer{Status: http.StatusForbidden}
		}
		return samplecrm.Answer{}
	}
}

// TestOnePartitionOfTheDeadLettersIsAway has far more deliveries die there than may be
// open, while the healthy webhooks in the same partition and in the others go on.
func TestOnePartitionOfTheDeadLettersIsAway(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	r := newRig(t, setup{kafka: cluster.ListenAddrs()[0], environ: few, answer: refusingAt("refuses")})
	const dying, healthy = 600, 200
	refuses, beside, other := r.advertiserIn(1, "refuses"), r.advertiserIn(1, "beside"), r.advertiserIn(2, "other")
	r.seed(r.hook("refuses", refuses), r.hook("beside", beside), r.hook("other", other))
	i := r.run().ready()

	fault := noReplicas(cluster, r.topic+".dlq", 1)
	r.publish(calls(refuses, 1, dying)...)
	r.publish(append(calls(beside, 1, healthy), calls(other, 1, healthy)...)...)
	until(t, poll, "the healthy webhooks have all their leads", func() bool { return r.taken() == 2*healthy })
	r.until("what is dead is settled", func() bool { return r.lagOf(r.topic) == 0 })
	i.notReady(".dlq, partition 1")
	r.publish(append(calls(beside, 1001, healthy), calls(other, 1001, healthy)...)...)
	until(t, poll, "they go on", func() bool { return r.taken() == 4*healthy })
	if n := len(r.letters()); n != 0 {
		t.Errorf("got %d dead letters while they could not be written", n)
	}

	fault.Remove()
	r.until("all dead letters are written", func() bool { return len(r.letters()) == dying })
	i.ready()
	if a := r.settled(); a.lost+a.twice != 0 || len(r.letters()) != dying {
		t.Errorf("got %v and %d dead letters, want nothing lost or twice", a, len(r.letters()))
	}
}

// TestOnePartitionOfARetryTopicIsAway has far more deliveries fail there than may be open.
// It is away from the start, and the leads are published before the instance begins: it is
// the restart after which nothing went on.
func TestOnePartitionOfARetryTopicIsAway(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	var healed atomic.Bool
	r := newRig(t, setup{kafka: cluster.ListenAddrs()[0], environ: few, answer: failingUntil(&healed)})
	const failing, healthy = 600, 200
	fails, beside, other := r.advertiserIn(1, "fails"), r.advertiserIn(1, "beside"), r.advertiserIn(2, "other")
	r.seed(r.hook("fails", fails), r.hook("beside", beside), r.hook("other", other))
	fault := noReplicas(cluster, r.topic+".retry.200ms", 1)
	r.publish(calls(fails, 1, failing)...)
	r.publish(append(calls(beside, 1, healthy), calls(other, 1, healthy)...)...)
	i := r.run()
	until(t, poll, "the healthy webhooks have all their leads", func() bool { return r.taken() == 2*healthy })
	r.until("what failed waits", func() bool { return r.lagOf(r.topic) == 0 })
	i.notReady(".retry.200ms, partition 1")

	healed.Store(true)
	fault.Remove()
	a := r.settled()
	if want := (account{events: failing + 2*healthy, wanted: failing + 2*healthy, taken: failing + 2*healthy, failed: a.failed}); a != want {
		t.Errorf("got  %v\nwant %v", a, want)
	}
}

// TestAPartitionNumberThatNoRetryTopicTakes has far more deliveries fail there than may be
// open: with nowhere to go, they take a share of what may be open and not all of it.
func TestAPartitionNumberThatNoRetryTopicTakes(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	var healed atomic.Bool
	r := newRig(t, setup{kafka: cluster.ListenAddrs()[0], environ: few, answer: failingUntil(&healed)})
	const failing, healthy = 600, 200
	fails, other := r.advertiserIn(1, "fails"), r.advertiserIn(2, "other")
	r.seed(r.hook("fails", fails), r.hook("other", other))
	var faults []*kfake.FaultHandle
	for _, delay := range retryDelays {
		faults = append(faults, noReplicas(cluster, r.topic+".retry."+delay, 1))
	}
	i := r.run().ready()
	r.publish(calls(fails, 1, failing)...)
	i.notReady("partition 1")
	for n := range 5 {
		r.publish(calls(other, 1+n*healthy, healthy)...)
		until(t, poll, "the healthy webhook has all its leads", func() bool { return r.taken() == (n+1)*healthy })
	}
	healed.Store(true)
	for _, fault := range faults {
		fault.Remove()
	}
	a := r.settled()
	if want := (account{events: failing + 5*healthy, wanted: failing + 5*healthy, taken: failing + 5*healthy, failed: a.failed}); a != want {
		t.Errorf("got  %v\nwant %v", a, want)
	}
}

// TestOneShareOfTheWebhooksIsUnreadable has more leads come for its advertisers than may be
// open.
func TestOneShareOfTheWebhooksIsUnreadable(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	r := newRig(t, setup{redis: "redis://" + server.Addr() + "/0", environ: few})
	const waiting, healthy = 600, 200
	away := r.advertiserIn(1, "away")
	elsewhere := func(advertiser string) bool { return shares.Of(advertiser) != shares.Of(away) }
	beside, other := r.advertiserThat(1, "beside", elsewhere), r.advertiserThat(2, "other", elsewhere)
	r.seed(r.hook("away", away), r.hook("beside", beside), r.hook("other", other))
	share := ":{" + strconv.Itoa(shares.Of(away)) + "}:records:"
	var broken atomic.Bool
	broken.Store(true)
	server.Server().SetPreHook(func(c *redis.Peer, _ string, args ...string) bool {
		if !broken.Load() || !strings.Contains(strings.Join(args, " "), share) {
			return false
		}
		c.WriteError("ERR this share cannot be read")
		return true
	})
	r.publish(calls(away, 1, waiting)...)
	r.publish(append(calls(beside, 1, healthy), calls(other, 1, healthy)...)...)
	i := r.run()
	until(t, poll, "the healthy webhooks have all their leads", func() bool { return r.taken() == 2*healthy })
	r.until("the others wait in the retry topics", func() bool { return r.lagOf(r.topic) == 0 })
	i.notReady("this share cannot be read")
	if _, body := i.readyz(); !strings.Contains(body, "share "+strconv.Itoa(shares.Of(away))+" of 64 since ") {
		t.Errorf("/readyz does not name the share:\n%s", body)
	}

	broken.Store(false)
	r.exactly(waiting + 2*healthy)
	i.ready()
}
