package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/internal/devstack"
	"github.com/leadhook/leadhook/internal/realstack"
)

// published are the lead ids in the live topic, by advertiser; each record
// must be keyed by it.
func (r *rig) published() map[string][]string {
	r.t.Helper()
	got := map[string][]string{}
	for _, m := range r.records(r.topic) {
		var ev struct {
			Advertiser string `json:"advertiser_id"`
			Lead       struct{ ID json.Number }
		}
		if err := json.Unmarshal(m.Value, &ev); err != nil {
			r.t.Fatal(err)
		}
		if string(m.Key) != ev.Advertiser {
			r.t.Errorf("got key %q for advertiser %q", m.Key, ev.Advertiser)
		}
		got[ev.Advertiser] = append(got[ev.Advertiser], ev.Lead.ID.String())
	}
	return got
}

func TestPublishTakesDocumentsArraysAndLines(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{partitions: 1})
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	document := file("one.json", strings.ReplaceAll(event("A", "new_contact", "call", 1), ",", ",\n  "))
	array := file("array.json", "["+strings.Join(calls("A", 2, 2), ",\n")+"]")
	lines := file("lines.jsonl", "\ufeff"+strings.Join(calls("B", 4, 3), "\n")+"\n")
	r.must("", "publish", document, array, lines)
	r.must(event("A", "new_lead", "chat", 7), "publish", "-")
	r.must(event("B", "new_contact", "form", 8), "publish")
	want := map[string][]string{"A": {"1", "2", "3", "7"}, "B": {"4", "5", "6", "8"}}
	if diff := cmp.Diff(want, r.published()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestPublishChecksEverythingFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{partitions: 1})
	events := append(calls("A", 1, 2), `{"advertiser_id":"A","trigger":"hush","lead":{"id":3,"event_type":"call"}}`,
		event("A", "new_contact", "call", 4), `{"trigger":"new_contact","lead":{"id":5}}`, `{"cut": `)
	got := r.leadhook(strings.Join(events, "\n"), "publish", "-", "/none/leads.json")
	if got.code != exitFailed || !containsAll(got.errs, "nothing was published", "standard input: event 3: trigger",
		"standard input: event 5: advertiser_id", "standard input: event 6: not JSON", "/none/leads.json") {
		t.Errorf("got exit code %d, want 1 and every fault:\n%s%s", got.code, got.out, got.errs)
	}
	if strings.Contains(got.errs, "hush") {
		t.Error("the fault quotes the event")
	}
	if n := len(r.records(r.topic)); n != 0 {
		t.Errorf("%d events were published, want none", n)
	}
}

func TestSamplesAreTestLeadsOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.seed(r.spread(7)...)
	began := time.Now()
	out := r.must("", r.publishSpread(100, 7, "--rate", "200")...)
	took := time.Since(began)
	if !regexp.MustCompile(`^published 100 events in \S+ \(\d+/s\)\n$`).MatchString(out) {
		t.Errorf("got %q, want how many, how long and how fast", out)
	}
	if took < 300*time.Millisecond || took > 10*time.Second {
		t.Errorf("100 events at 200 a second took %v, want about half a second", took)
	}
	r.run()
	r.exactly(100)
	got := r.published()
	if len(got) != 7 || len(got[r.spreadAdvertiser(1)]) != 15 || len(got[r.spreadAdvertiser(7)]) != 14 {
		t.Errorf("100 events were not dealt out evenly over 7 advertisers: %v", got)
	}
	for _, post := range r.crm.Posts() {
		if post.Header.Get("Webhook-Test") != "true" {
			t.Fatalf("delivery %s is not marked as a test", post.Header.Get("Webhook-Id"))
		}
	}
}

// TestAPartialFailureSaysWhatIsPublished has the broker die in the middle. It
// is an embedded one with a disk, which can be asked afterwards.
func TestAPartialFailureSaysWhatIsPublished(t *testing.T) {
	t.Parallel()
	opts := devstack.KafkaOptions{Listen: realstack.FreeAddr(t), DataDir: t.TempDir()}
	broker := startKafka(t, opts)
	r := newRig(t, setup{kafka: opts.Listen, environ: []string{"LEADHOOK_KAFKA_TIMEOUT=5s"}})
	const events = 100_000
	publishing := r.begin(nil, "publish", "--sample", "call", "--count", strconv.Itoa(events), "--rate", "4000")
	r.until("events are published", func() bool { return r.logEnds() > 2000 })
	broker.Close()
	publishing.await()
	said := publishing.log.String()
	var count, of int
	if _, err := fmt.Sscanf(said, "leadhook: published %d of %d events", &count, &of); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if publishing.code != exitFailed || of != events || !containsAll(said, "perhaps not published: sample ", "not tried: sample ", " and all after it") {
		t.Errorf("got exit code %d, want 1 and what is published: %s", publishing.code, said)
	}
	startKafka(t, opts)
	var there int
	r.until("the broker answers again", func() bool { there = int(r.logEnds()); return there > 0 })
	const chunk = 400 // of unacknowledged events, at this rate
	if there < count || there > count+chunk {
		t.Errorf("it said that %d were published and %d were in doubt at most, but %d are there", count, chunk, there)
	}
	t.Logf("published %d, there %d", count, there)
}

func startKafka(t *testing.T, opts devstack.KafkaOptions) *devstack.Kafka {
	t.Helper()
	broker, err := devstack.StartKafka(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return broker
}

// logEnds is how many records the live topic has, or -1.
func (r *rig) logEnds() (sum int64) {
	ends := r.ends(r.topic)
	if len(ends) != r.partitions {
		return -1
	}
	for _, end := range ends {
		sum += end
	}
	return sum
}
