//go:build real

package main

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

// putInto writes events to one partition of the live topic.
func (r *rig) putInto(partition int, events ...string) {
	r.t.Helper()
	records := make([]kafka.Record, len(events))
	for i, e := range events {
		records[i] = kafka.Record{Value: kafka.NewBytes([]byte(e))}
	}
	_, err := r.client.Produce(r.t.Context(), &kafka.ProduceRequest{
		Topic: r.topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestEventInTwoPartitionsComesOnce has two instances read the same events at the same
// time.
func TestEventInTwoPartitionsComesOnce(t *testing.T) {
	t.Parallel()
	const leads = 30
	r := newRig(t, setup{partitions: 2, answer: slowly(time.Second), environ: []string{"LEADHOOK_HTTP_TIMEOUT=3s", "LEADHOOK_HTTP_CONNECT_TIMEOUT=1s"}})
	r.seed(r.hook("w", "USA_1"))
	one, two := r.spawn(), r.spawn()
	one.ready()
	two.ready()
	events := calls("USA_1", 1, leads)
	var both sync.WaitGroup
	for partition := range 2 {
		both.Go(func() { r.putInto(partition, events...) })
	}
	both.Wait()
	r.exactly(leads)
	const held = `leadhook_ledger_lookups_total{result="held"}`
	if one.metric(held)+two.metric(held) == 0 {
		t.Error("no instance found a claim of the other: they did not read the same leads at the same time")
	}
	one.stop()
	two.stop()
}

// TestKilledInstancesClaimsEnd has an instance be killed while the CRM hangs: the leads
// that it was sending wait until it must have ended that, and no others.
func TestKilledInstancesClaimsEnd(t *testing.T) {
	t.Parallel()
	const leads, timeout, session = 40, 5 * time.Second, 6 * time.Second
	const claim = timeout + session/3 + time.Second
	var mu sync.Mutex
	posts := map[string][]time.Time{}
	killed := false
	r := newRig(t, setup{answer: func(p samplecrm.Post) samplecrm.Answer {
		mu.Lock()
		defer mu.Unlock()
		id := p.Header.Get("webhook-id")
		posts[id] = append(posts[id], time.Now())
		if killed {
			return samplecrm.Answer{}
		}
		return samplecrm.Answer{After: time.Minute}
	}, environ: []string{"LEADHOOK_HTTP_TIMEOUT=" + timeout.String(), "LEADHOOK_HTTP_CONNECT_TIMEOUT=1s",
		"LEADHOOK_KAFKA_SESSION_TIMEOUT=" + session.String()}})
	r.seed(r.hook("w", "USA_1"))
	first := r.spawn().ready()
	r.publish(calls("USA_1", 1, leads)...)
	r.until("some leads are on their way", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(posts) >= 2
	})
	first.kill()
	mu.Lock()
	killed = true
	underWay := slices.Collect(maps.Keys(posts))
	mu.Unlock()
	second := r.spawn().ready()
	r.settled()

	mu.Lock()
	defer mu.Unlock()
	var last time.Time // of those that only queued
	for id, at := range posts {
		if !slices.Contains(underWay, id) {
			last = latest(last, at[0])
		}
	}
	const rounding = 10 * time.Second // of what waits in the retry topics
	for _, id := range underWay {
		at := posts[id]
		if len(at) != 2 {
			t.Errorf("delivery %s: got %d POSTs, want 2", id, len(at))
			continue
		}
		if waited := at[1].Sub(at[0]); waited < claim-100*time.Millisecond || waited > claim+rounding+5*time.Second {
			t.Errorf("delivery %s: its second POST came after %v, want %v and what the retry topics take", id, waited, claim)
		}
		if !last.Before(at[1]) {
			t.Errorf("delivery %s came again before one that only queued", id)
		}
	}
	t.Logf("%d of %d were on their way; the others were all there %v before these", len(underWay), leads, posts[underWay[0]][1].Sub(last))
	second.stop()
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
