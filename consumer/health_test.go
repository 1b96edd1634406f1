package consumer

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestHealthLogsAnOutageInAFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		h := newHealth(time.Hour, zap.New(core))
		parts := fakePartitions(h, 3)
		watch := func(d time.Duration) {
			for range d / time.Second {
				time.Sleep(time.Second)
				h.watch()
			}
		}
		for range 90 {
			h.cannotJoin(errors.New("refused"))
			time.Sleep(time.Second)
		}
		h.joined(parts)
		watch(time.Minute)
		for _, p := range parts[1:] {
			p.failed(errors.New("no leader"))
		}
		watch(90 * time.Second)
		for _, p := range parts {
			p.failed(nil)
		}
		watch(2 * time.Minute)
		wantLines(t, logs,
			"warn cannot read from Kafka; retrying: refused",
			"warn cannot read from Kafka; retrying: refused",
			"info reading from Kafka again",
			"warn cannot read from Kafka; retrying: partition leads/1 cannot be fetched: no leader",
			"warn cannot read from Kafka; retrying: partition leads/1 cannot be fetched: no leader (2 partitions in all)",
			"info reading from Kafka again",
		)
	})
}

func TestHealthLogsAStuckPartitionEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		h := newHealth(30*time.Second, zap.New(core))
		parts := fakePartitions(h, 1)
		h.joined(parts)
		parts[0].window.add(0)
		for range 150 {
			time.Sleep(time.Second)
			h.watch()
		}
		parts[0].window.settle(0)
		h.watch()
		h.watch()
		wantLines(t, logs,
			"error partition is stuck; /readyz says what it waits for",
			"error partition is stuck; /readyz says what it waits for",
			"info no partition is stuck any longer",
		)
	})
}

// fakePartitions returns partitions of a session that reads nothing.
func fakePartitions(h *health, n int) []*partition {
	s := &session{c: &Consumer{health: h}}
	parts := make([]*partition, n)
	for i := range parts {
		parts[i] = &partition{s: s, topic: "leads", number: i, window: newWindow(0)}
	}
	return parts
}

func wantLines(t *testing.T, logs *observer.ObservedLogs, want ...string) {
	t.Helper()
	var got []string
	for _, line := range logs.All() {
		text := line.Level.String() + " " + line.Message
		if cause, ok := line.ContextMap()["error"].(string); ok {
			text += ": " + cause
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got lines\n%q, want\n%q", got, want)
	}
}
