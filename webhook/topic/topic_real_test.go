//go:build real

package topic_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/webhook/topic"
)

// ownKafka starts a Kafka for one test.
func ownKafka(t *testing.T, config map[string]string) *realstack.Kafka {
	t.Helper()
	k, err := realstack.StartKafka(t.Context(), realstack.KafkaOptions{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// TestWhatKafkaLeavesWhenItCompacts lets Kafka compact a log in which the ends of
// batches, whole batches and tombstones go. Records that are hours apart are in
// segments of their own, and of those only the last, which is being written, stays.
func TestWhatKafkaLeavesWhenItCompacts(t *testing.T) {
	t.Parallel()
	k := ownKafka(t, map[string]string{"log.cleaner.backoff.ms": "100"})
	r := on(t, kafkatest.Connect(t, nil, k.Addr()), "min.cleanable.dirty.ratio=0.001", "segment.ms=1000", "delete.retention.ms=0")
	at := time.Now().Add(-100 * time.Hour)
	hourLater := func(records ...topic.Record) {
		at = at.Add(time.Hour)
		for i := range records {
			records[i].Time = at
		}
		if err := r.Append(within(t), records); err != nil {
			t.Fatal(err)
		}
	}
	value := func(key, value string) topic.Record { return topic.Record{Key: key, Value: []byte(value)} }
	hourLater(value("gone", "1"), value("gone", "2"))            // 0, 1
	hourLater(value("x", "1"), value("y", "1"), value("z", "1")) // 2 to 4: only x stays
	hourLater(value("y", "2"), topic.Record{Key: "gone"})        // 5, 6
	hourLater(value("z", "2"))                                   // 7
	want := []string{"2 x=1", "5 y=2", "7 z=2"}
	// A tombstone goes when the log is cleaned once more after it was found.
	until(t, func(ctx context.Context) error {
		hourLater(value("active", "1"))
		left := r.walk(t, 0, 1<<20)
		if diff := cmp.Diff(want, left[:min(3, len(left))]); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	for _, maxBytes := range []int{1, 100, 1 << 20} {
		for from := range r.end(t) {
			expected := slices.DeleteFunc(slices.Clone(want), func(text string) bool { return text[0] < byte('0'+min(from, 9)) })
			left := slices.DeleteFunc(r.walk(t, from, maxBytes), func(text string) bool { return strings.Contains(text, "active") })
			if !slices.Equal(left, expected) {
				t.Errorf("from %d with %d bytes: %q, want %q", from, maxBytes, left, expected)
			}
		}
	}
	if start, err := r.Start(within(t)); start != 0 || err != nil {
		t.Errorf("the log starts at %d, %v: a hole at the beginning is no truncation", start, err)
	}
}

func TestABrokerThatDiesAndComesBack(t *testing.T) {
	t.Parallel()
	k := ownKafka(t, nil)
	r := on(t, kafkatest.Connect(t, nil, k.Addr()))
	r.append(t, "a=1")
	fetched := make(chan error, 1)
	go func() {
		_, err := r.Fetch(within(t), 1, time.Minute, 1)
		fetched <- err
	}()
	r.end(t)
	k.Kill()
	if err := <-fetched; err == nil {
		t.Error("a fetch did not notice that the broker died")
	} else {
		t.Log("the fetch that waited:", err)
	}
	if _, err := r.End(within(t)); err == nil {
		t.Error("a broker that is dead said where its log ends")
	}
	if err := k.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, func(ctx context.Context) error { _, err := r.End(ctx); return err })
	r.append(t, "b=2")
	if diff := cmp.Diff([]string{"0 a=1", "1 b=2"}, r.walk(t, 0, 1)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
