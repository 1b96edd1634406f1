//go:build real

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/cmd/leadhook/dlq"
)

// fromEnviron is a number that the environment may have larger than CI has
// time for.
func fromEnviron(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestAMillionDeadLetters has E2E_DEAD_LETTERS (a million) in the topic, the
// newest E2E_REPLAYS (2,000) hundreds of which have one of one webhook each.
func TestAMillionDeadLetters(t *testing.T) {
	n, replays := fromEnviron(t, "E2E_DEAD_LETTERS", 1_000_000), fromEnviron(t, "E2E_REPLAYS", 2000)
	const perSecond = 500
	r := newRig(t, setup{partitions: 12})
	target := r.hook("target", r.name("USA_1"))
	r.seed(target)
	began := time.Now()
	r.fill(n, replays, target)
	t.Logf("%d dead letters written in %v", n, time.Since(began).Round(time.Millisecond))

	within := func(most time.Duration, want int, args ...string) []listedLetter {
		t.Helper()
		began := time.Now()
		got := r.list(args...)
		took := time.Since(began)
		t.Logf("dlq list %s: %d in %v", strings.Join(args, " "), len(got), took.Round(time.Millisecond))
		if took > most || len(got) != want {
			t.Errorf("dlq list %s: %d letters in %v, want %d in %v at most", strings.Join(args, " "), len(got), took, want, most)
		}
		return got
	}
	for i, l := range within(2*time.Second, 10, "--limit", "10") {
		if want := strconv.Itoa(n - i); l.LeadID != want {
			t.Errorf("number %d of the newest is lead %s, want %s", i+1, l.LeadID, want)
		}
	}
	within(2*time.Second, 10, "--limit", "10", "--webhook", target.ID)
	within(2*time.Second, 0, "--webhook", "never", "--since", diedAt(n-1000).Format(time.RFC3339), "--until", diedAt(n-900).Format(time.RFC3339))
	within(2*time.Second, 100, "--since", diedAt(n/2).Format(time.RFC3339), "--until", diedAt(n/2+100).Format(time.RFC3339))
	r.showsProgress(n)

	r.run().ready()
	var done dlq.ReplayResult
	begun := time.Now()
	out := r.must("", "dlq", "replay", "--webhook", target.ID, "--rate", strconv.Itoa(perSecond),
		"--since", diedAt(n-100*replays).Format(time.RFC3339), "--yes", "--output", "json")
	if err := json.Unmarshal([]byte(out), &done); err != nil {
		t.Fatal(err)
	}
	t.Logf("dlq replay: %s, with reading %v", strings.TrimSpace(out), time.Since(begun).Round(time.Millisecond))
	rate := float64(done.Replayed) / done.Seconds
	if done.Replayed != replays || math.Abs(rate-perSecond) > perSecond/20 {
		t.Errorf("replayed %d at %.1f/s, want %d at %d/s, five percent more or less", done.Replayed, rate, replays, perSecond)
	}
	until(t, time.Minute, "all have arrived", func() bool { return len(r.crm.Counts()) == replays })
	until(t, time.Minute, "all are committed", func() bool { return r.lag() == 0 })
	r.arrivedOnce(replays)
	again := r.must("", "dlq", "replay", "--webhook", target.ID, "--yes")
	t.Logf("again: %s", again)
	if !containsAll(again, "replayed 0 dead letters", fmt.Sprintf("%d passed over: delivered already", replays)) {
		t.Errorf("replayed again: got %s", again)
	}
	r.arrivedOnce(replays)
}

func (r *rig) arrivedOnce(want int) {
	r.t.Helper()
	counts := r.crm.Counts()
	for d, c := range counts {
		if c.Posts != 1 {
			r.t.Errorf("%s came %d times, want once", d.ID, c.Posts)
		}
	}
	if len(counts) != want {
		r.t.Errorf("%d deliveries came, want %d", len(counts), want)
	}
}

// showsProgress counts them all, at a terminal.
func (r *rig) showsProgress(n int) {
	t := r.t.(*testing.T)
	w, _, screen := atTerminal(t, r.environ...)
	w.args = []string{"dlq", "stats", "--top", "1"}
	began := time.Now()
	if code := w.main(t.Context()); code != exitDone {
		t.Errorf("dlq stats: exit code %d", code)
	}
	took := time.Since(began)
	t.Logf("dlq stats in %v", took.Round(time.Millisecond))
	r.until("the result shows", func() bool { return strings.Contains(screen.String(), "HOST") })
	if !strings.Contains(screen.String(), fmt.Sprintf("%d dead letters", n)) {
		t.Errorf("dlq stats: got\n%s", screen)
	}
	if took > 1500*time.Millisecond && !strings.Contains(screen.String(), fmt.Sprintf(" of %d, ", n)) {
		t.Errorf("dlq stats took %v, and showed no progress:\n%s", took, screen)
	}
}

// fill writes n dead letters of a second each to the partitions by turns, as
// fast as they can be written. One of each of the newest hundreds is the
// target's, the others are those of a thousand webhooks.
func (r *rig) fill(n, hundreds int, target hook) {
	r.t.Helper()
	var writers sync.WaitGroup
	for p := range r.partitions {
		writers.Go(func() {
			var batch []kafka.Record
			for i := p; i < n; i += r.partitions {
				batch = append(batch, r.deadRecord(i+1, i%100 == 0 && i >= n-100*hundreds, target))
				if len(batch) == 1500 || i+r.partitions >= n {
					r.produce(r.topic+".dlq", p, batch)
					batch = batch[:0]
				}
			}
		})
	}
	writers.Wait()
}

// diedAt is when dead letter number id became one.
func diedAt(id int) time.Time {
	return time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC).Add(time.Duration(id) * time.Second)
}

func (r *rig) deadRecord(id int, ofTarget bool, target hook) kafka.Record {
	advertiser, webhook := "USA_"+strconv.Itoa(id%1000), "hook-"+strconv.Itoa(id%1000)
	if ofTarget {
		advertiser, webhook = target.Advertiser, target.ID
	}
	at := diedAt(id)
	headers := []kafka.Header{}
	for name, value := range map[string]string{
		"reason": "exhausted", "error": "the CRM answered 503 Service Unavailable", "advertiser": advertiser, "webhook": webhook,
		"delivery": deliveryID(advertiser, strconv.Itoa(id), "new_contact", webhook), "attempts": "11", "step": "9", "replays": "0",
		"status": "503", "evidence": "answered", "received": at.Format(time.RFC3339), "first-attempt": at.Format(time.RFC3339),
	} {
		headers = append(headers, kafka.Header{Key: "leadhook." + name, Value: []byte(value)})
	}
	return kafka.Record{
		Time: at, Key: kafka.NewBytes([]byte(advertiser)), Headers: headers,
		Value: kafka.NewBytes([]byte(event(advertiser, "new_contact", "call", id))),
	}
}

func (r *rig) produce(topic string, partition int, records []kafka.Record) {
	res, err := r.client.Produce(r.t.Context(), &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		r.t.Errorf("write to %s/%d: %v", topic, partition, err)
	}
}
