package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

// This file decides whether every lead is accounted for. It shares no code
// with the service: what it takes for right comes from what lies in Kafka,
// what was seeded, and what the CRM says.

// An account compares what was published with what became of it, by (lead,
// webhook).
type account struct {
	events   int // records in the live topic
	wanted   int // different pairs of lead and webhook that they should become
	taken    int // of these, answered with 2xx
	dead     int // of these, not taken, and in the dead-letter topic
	lost     int // of these, neither
	twice    int // more 2xx than one for a pair, summed up
	failed   int // POSTs that were not answered with 2xx
	unwanted int // pairs that the CRM saw and nobody wanted
	lag      int64
}

func (a account) String() string {
	return fmt.Sprintf("%d events, %d deliveries wanted: %d taken, %d dead letters, %d lost, %d twice; %d failed attempts, %d unwanted, lag %d",
		a.events, a.wanted, a.taken, a.dead, a.lost, a.twice, a.failed, a.unwanted, a.lag)
}

// settled waits until everything published is committed, and returns the account.
func (r *rig) settled() account {
	r.t.Helper()
	until(r.t, 2*time.Minute, "the committed offsets are the log ends", func() bool { return r.lag() == 0 })
	a := r.account()
	r.t.Log(a)
	return a
}

// exactly fails the test unless n deliveries were taken, each once, and
// nothing else happened.
func (r *rig) exactly(n int) {
	r.t.Helper()
	got := r.settled()
	want := account{events: got.events, wanted: n, taken: n}
	if got != want {
		r.t.Errorf("got %v\nwant %v", got, want)
	}
}

func (r *rig) account() account {
	r.t.Helper()
	live := r.records(r.topic)
	a := account{events: len(live), lag: r.lag()}
	wanted := map[samplecrm.Delivery]bool{}
	for _, m := range live {
		for _, d := range r.deliveries(m) {
			wanted[d] = true
		}
	}
	a.wanted = len(wanted)
	buried := map[string]bool{}
	for _, m := range r.records(r.topic + ".dlq") {
		buried[header(m, "leadhook.delivery")] = true
	}
	counts := r.crm.Counts()
	for d := range wanted {
		a.add(counts[d], buried[d.ID])
	}
	for d, n := range counts {
		if !wanted[d] {
			a.unwanted += n.Posts
		}
	}
	return a
}

func (a *account) add(n samplecrm.Count, buried bool) {
	a.twice += max(0, n.Taken-1)
	a.failed += n.Posts - n.Taken
	switch {
	case n.Taken > 0:
		a.taken++
	case buried:
		a.dead++
	default:
		a.lost++
	}
}

// malformedHeader marks records that must not become any delivery. Some of
// them an ordinary JSON reader would take.
const malformedHeader = "malformed"

// deliveries are what an event should become: one for each webhook that wants
// it.
func (r *rig) deliveries(event kafka.Message) []samplecrm.Delivery {
	var ev struct {
		Advertiser string `json:"advertiser_id"`
		Trigger    string
		Lead       struct {
			ID        json.Number
			EventType string `json:"event_type"`
		}
	}
	if header(event, malformedHeader) != "" {
		return nil
	}
	if err := json.Unmarshal(event.Value, &ev); err != nil {
		r.t.Fatalf("offset %d: %v", event.Offset, err)
	}
	trigger := strings.Replace(ev.Trigger, "new_lead", "existing_contact", 1)
	var all []samplecrm.Delivery
	for id, h := range r.hooks {
		if h.Active && h.Advertiser == ev.Advertiser && h.Event == trigger && slices.Contains(h.LeadTypes, ev.Lead.EventType+"s") {
			path := "/" + strings.SplitN(h.URL, "/", 4)[3]
			all = append(all, samplecrm.Delivery{ID: deliveryID(ev.Advertiser, ev.Lead.ID.String(), trigger, id), Path: path})
		}
	}
	return all
}

func deliveryID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00") + "\x00"))
	return "dlv_" + hex.EncodeToString(sum[:16])
}

// records are all records of a topic.
func (r *rig) records(topic string) []kafka.Message {
	r.t.Helper()
	ends := r.ends(topic)
	if len(ends) != r.partitions {
		r.t.Fatalf("Kafka tells the ends of %d partitions of %s, want %d", len(ends), topic, r.partitions)
	}
	var all []kafka.Message
	for partition, end := range ends {
		all = append(all, r.partition(topic, partition, end)...)
	}
	return all
}

func (r *rig) partition(topic string, partition int, end int64) []kafka.Message {
	r.t.Helper()
	if end == 0 {
		return nil
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{r.kafka}, Topic: topic, Partition: partition, MaxWait: 100 * time.Millisecond, MaxBytes: 8 << 20,
	})
	defer func() { _ = reader.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var all []kafka.Message
	for last := int64(-1); last < end-1; {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			r.t.Fatalf("read %s/%d to %d: %v", topic, partition, end, err)
		}
		all, last = append(all, m), m.Offset
	}
	return all
}

// ends are the log ends of a topic, by partition, as far as Kafka tells them.
func (r *rig) ends(topic string) map[int]int64 {
	r.t.Helper()
	var asked []kafka.OffsetRequest
	for p := range r.partitions {
		asked = append(asked, kafka.LastOffsetOf(p))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := r.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: asked}})
	if err != nil {
		r.t.Logf("ask for the log ends of %s: %v", topic, err)
		return nil
	}
	ends := map[int]int64{}
	for _, p := range res.Topics[topic] {
		if p.Error == nil {
			ends[p.Partition] = p.LastOffset
		}
	}
	return ends
}

// lag is how many records of the live topic and of the retry topics are not
// committed; -1: nobody could tell.
func (r *rig) lag() int64 {
	r.t.Helper()
	var all int64
	for _, topic := range r.topics() {
		if strings.HasSuffix(topic, ".dlq") {
			continue
		}
		lag := r.lagOf(topic)
		if lag < 0 {
			return -1
		}
		all += lag
	}
	return all
}

func (r *rig) lagOf(topic string) int64 {
	r.t.Helper()
	ends := r.ends(topic)
	var all []int
	for p := range r.partitions {
		all = append(all, p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := r.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: r.topic, Topics: map[string][]int{topic: all}})
	if err != nil || len(ends) != r.partitions || len(res.Topics[topic]) != r.partitions {
		return -1
	}
	var lag int64
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			return -1
		}
		lag += ends[p.Partition] - max(0, p.CommittedOffset)
	}
	return lag
}

// letters are all dead letters.
func (r *rig) letters() []kafka.Message { r.t.Helper(); return r.records(r.topic + ".dlq") }

func header(m kafka.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
