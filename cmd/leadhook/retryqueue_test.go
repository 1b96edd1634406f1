package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

// The schedule of these tests is a wait of two seconds for each failed attempt.
var slowRetries = []string{"LEADHOOK_RETRY_SCHEDULE=2s,2s,2s,2s"}

// parked is how many records the retry topics have got.
func (r *rig) parked() int64 {
	r.t.Helper()
	var all int64
	for _, delay := range retryDelays {
		for _, end := range r.ends(r.topic + ".retry." + delay) {
			all += end
		}
	}
	return all
}

func TestATokenCorrectedByASeedHealsWhatWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{environ: slowRetries, answer: func(p samplecrm.Post) samplecrm.Answer {
		if p.Header.Get("Authorization") != "Bearer right" {
			return samplecrm.Answer{Status: http.StatusUnauthorized}
		}
		return samplecrm.Answer{}
	}})
	const leads = 40
	advertiser := r.name("USA_1")
	h := r.hook("all", advertiser)
	h.Auth = "Bearer wrong"
	r.seed(h)
	r.publish(calls(advertiser, 1, leads)...)
	r.run()
	r.until("all wait", func() bool { return r.parked() >= leads })
	h.Auth = "Bearer right"
	r.seed(h)
	a := r.settled()
	if want := (account{events: leads, wanted: leads, taken: leads, failed: a.failed}); a != want {
		t.Errorf("got  %v\nwant %v", a, want)
	}
}

// TestWhatWaitsSurvivesAKill kills the only instance while all leads wait, and
// starts it again when they are due.
func TestWhatWaitsSurvivesAKill(t *testing.T) {
	t.Parallel()
	var healthy atomic.Bool
	r := newRig(t, setup{environ: slowRetries, answer: func(samplecrm.Post) samplecrm.Answer {
		if !healthy.Load() {
			return samplecrm.Answer{Status: http.StatusForbidden}
		}
		return samplecrm.Answer{}
	}})
	const leads, advertisers = 300, 100
	r.seed(r.spread(advertisers)...)
	r.must("", r.publishSpread(leads, advertisers)...)
	i := r.spawn()
	r.until("all wait, and nothing else is under way", func() bool { return r.parked() >= leads && r.lagOf(r.topic) == 0 })
	i.kill()
	healthy.Store(true)
	i = r.spawn()
	a := r.settled()
	if want := (account{events: leads, wanted: leads, taken: leads, failed: a.failed}); a != want {
		t.Errorf("got  %v\nwant %v", a, want)
	}
	i.stop()
}

// TestTheSameEventThreeTimes has its CRM fail at first.
func TestTheSameEventThreeTimes(t *testing.T) {
	t.Parallel()
	var posts atomic.Int64
	r := newRig(t, setup{environ: slowRetries, answer: func(samplecrm.Post) samplecrm.Answer {
		if posts.Add(1) <= 2 {
			return samplecrm.Answer{Status: http.StatusForbidden}
		}
		return samplecrm.Answer{}
	}})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	same := calls(advertiser, 1, 1)[0]
	r.publish(same)
	r.run()
	r.until("it has failed", func() bool { return posts.Load() == 1 })
	r.publish(same)
	r.publish(same)
	a := r.settled()
	if want := (account{events: 3, wanted: 1, taken: 1, failed: 2}); a != want || posts.Load() != 3 {
		t.Errorf("got  %v\nwant %v: one chain of three attempts", a, want)
	}
	if n := r.parked(); n != 2 {
		t.Errorf("got %d records in the retry topics, want those of one chain: 2", n)
	}
}

// TestAWebhookThatIsGoneIsSetInactive sees it from another instance's side.
func TestAWebhookThatIsGoneIsSetInactive(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{answer: func(samplecrm.Post) samplecrm.Answer { return samplecrm.Answer{Status: http.StatusGone} }})
	advertiser := r.name("USA_1")
	h := r.hook("all", advertiser)
	r.seed(h)
	r.publish(calls(advertiser, 1, 1)...)
	r.run().ready()
	r.until("it is dead", func() bool { return len(r.letters()) == 1 })
	r.publish(calls(advertiser, 2, 3)...)
	r.until("so are those that come later", func() bool { return len(r.letters()) == 4 })
	r.seed(h) // the same: nothing is undone
	r.publish(calls(advertiser, 5, 1)...)
	r.until("nor is that one sent", func() bool { return len(r.letters()) == 5 })
	reasons := map[string]int{}
	for _, m := range r.letters() {
		reasons[header(m, "leadhook.reason")]++
	}
	if got := fmt.Sprint(reasons); got != "map[gone:1 webhook_disabled:4]" {
		t.Errorf("got %s, want one gone and four of a webhook that is disabled", got)
	}
	h.Headers = map[string]string{"X-Changed": "yes"}
	r.seed(h)
	before := len(r.crm.Counts())
	r.publish(calls(advertiser, 6, 1)...)
	r.until("a changed one is tried", func() bool { return len(r.crm.Counts()) == before+1 })
}

// TestADisabledWebhookIsNotWaitedFor has its leads wait for its rate, for up to an
// hour, in the process or, once they have waited for a moment, in the retry queue.
func TestADisabledWebhookIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	h := r.hook("all", advertiser)
	h.Rate = 0.001
	r.seed(h)
	r.publish(calls(advertiser, 1, 5)...)
	r.run().ready()
	r.until("the first is delivered", func() bool { return len(r.crm.Counts()) == 1 })
	r.must("", "webhooks", "disable", "--yes", h.ID)
	r.until("the others are dead", func() bool { return len(r.letters()) == 4 })
	for _, m := range r.letters() {
		if reason := header(m, "leadhook.reason"); reason != "webhook_inactive" {
			t.Errorf("got a dead letter with the reason %s, want webhook_inactive", reason)
		}
	}
}

func TestNothingIsEarly(t *testing.T) {
	t.Parallel()
	var first, second atomic.Int64
	r := newRig(t, setup{environ: slowRetries, answer: func(samplecrm.Post) samplecrm.Answer {
		if first.CompareAndSwap(0, time.Now().UnixNano()) {
			return samplecrm.Answer{Status: http.StatusNotFound}
		}
		second.CompareAndSwap(0, time.Now().UnixNano())
		return samplecrm.Answer{}
	}})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	r.publish(calls(advertiser, 1, 1)...)
	r.run()
	a := r.settled()
	if wait := time.Duration(second.Load() - first.Load()); a.taken != 1 || wait < 2*time.Second || wait > 9*time.Second { // the next topic's are due after ten
		t.Errorf("got %v, the second attempt %v after the first, want two seconds and hardly more", a, wait)
	}
}

// TestADeadLetterIsSentAgainByHand does what docs/dead-letters.md says, twice.
func TestADeadLetterIsSentAgainByHand(t *testing.T) {
	t.Parallel()
	var corrected atomic.Bool
	r := newRig(t, setup{answer: func(samplecrm.Post) samplecrm.Answer {
		if !corrected.Load() {
			return samplecrm.Answer{Status: http.StatusUnprocessableEntity}
		}
		return samplecrm.Answer{}
	}})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	r.publish(calls(advertiser, 1, 1)...)
	r.run()
	r.until("it is dead", func() bool { return len(r.letters()) == 1 })
	corrected.Store(true)
	letter := r.letters()[0]
	again := kafka.Message{Key: []byte(advertiser), Value: letter.Value, Headers: []kafka.Header{
		{Key: "leadhook.webhook", Value: []byte(header(letter, "leadhook.webhook"))},
		{Key: "leadhook.delivery", Value: []byte(header(letter, "leadhook.delivery"))},
		{Key: "leadhook.replays", Value: []byte("1")},
	}}
	r.publish(string(letter.Value)) // does not help
	r.putTo(r.topic+".retry.200ms", letter.Partition, again, again)
	if got := r.settled(); got.taken != 1 || got.twice != 0 || got.failed != 1 {
		t.Errorf("got %v, want it taken once, and one attempt before", got)
	}
}

// putTo writes records to one partition.
func (r *rig) putTo(topic string, partition int, records ...kafka.Message) {
	r.t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{Addr: kafka.TCP(r.kafka), Transport: transport, Topic: topic, RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond, Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return partition })}
	defer func() { _ = w.Close() }()
	if err := w.WriteMessages(r.t.Context(), records...); err != nil {
		r.t.Fatal(err)
	}
}
