package edit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// TestWhatKafkaRefusesEndsAtOnce has a broker that answers the next change with an error,
// once or always.
func TestWhatKafkaRefusesEndsAtOnce(t *testing.T) {
	k := kafkatest.NewFake(t)
	r := newRigOn(t, k)
	r.seed(hook("A", "a1"), hook("A", "a2"), hook("B", "b1"))
	var asked atomic.Int64
	answer := func(code kafka.Error, always bool) {
		k.Cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			asked.Add(1)
			if always {
				k.Cluster.KeepControl()
			}
			res := req.ResponseKind().(*kmsg.ProduceResponse)
			for _, to := range req.(*kmsg.ProduceRequest).Topics {
				rt := kmsg.NewProduceResponseTopic()
				rt.Topic = to.Topic
				p := kmsg.NewProduceResponseTopicPartition()
				p.ErrorCode = int16(code)
				rt.Partitions = append(rt.Partitions, p)
				res.Topics = append(res.Topics, rt)
			}
			return res, nil, true
		})
	}
	for code, words := range map[kafka.Error]string{
		kafka.TopicAuthorizationFailed: "grant it on the brokers",
		kafka.MessageSizeTooLarge:      "raise max.message.bytes",
		kafka.UnknownTopicOrPartition:  "leadhook topics create",
		kafka.InvalidRecord:            "leadhook topics check",
	} {
		asked.Store(0)
		answer(code, false)
		err := r.editor.Remove(r.within(), "a1")
		if !errors.Is(err, code) || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "not known") || asked.Load() != 1 {
			t.Errorf("%s: got %v after %d requests, want one, and %q", code.Title(), err, asked.Load(), words)
		}
	}
	if got := r.ids("A"); got != " a1 a2" {
		t.Errorf("A has%s, want both still", got)
	}
	answer(kafka.NotEnoughReplicas, false)
	answer(kafka.NotEnoughReplicasAfterAppend, false)
	if err := r.editor.Remove(r.within(), "a1"); err != nil {
		t.Errorf("what Kafka cannot take just now: got %v", err)
	}
	answer(kafka.RequestTimedOut, false)
	answer(kafka.TopicAuthorizationFailed, false)
	if err := r.editor.Remove(r.within(), "a2"); err == nil || !strings.Contains(err.Error(), "not known whether the change counts") {
		t.Errorf("refused when it may be there already: got %v", err)
	}
	if got := r.ids("A"); got != " a2" {
		t.Errorf("A has%s, want a2", got)
	}
}

// away is a topic in memory that takes nothing while there is a cause.
type away struct {
	mu      sync.Mutex
	records []topic.Record
	cause   error
}

func (a *away) set(cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cause = cause
}

func (*away) Start(context.Context) (int64, error) { return 0, nil }

func (a *away) End(context.Context) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int64(len(a.records)), nil
}

func (a *away) Fetch(_ context.Context, from int64, _ time.Duration, _ int) (topic.Chunk, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	end := int64(len(a.records))
	return topic.Chunk{Records: slices.Clone(a.records[from:]), Next: end, End: end}, nil
}

func (a *away) Append(_ context.Context, records []topic.Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range records {
		if records[i].Offset = -1; a.cause == nil {
			records[i].Offset = int64(len(a.records))
			a.records = append(a.records, records[i])
		}
	}
	return a.cause
}

func (*away) Close() error { return nil }

// TestAChangeDoesNotWaitForKafkaForEver says that it waits, and gives up.
func TestAChangeDoesNotWaitForKafkaForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := miniredis.NewMiniRedis()
		defer server.Close()
		rdb := redistest.NewClient((&redistest.Line{Server: server}).Dial)
		defer redistest.Close(rdb)
		kafka, told := &away{}, 0
		e := &edit.Editor{
			Log:   &follow.Log{Topic: kafka, Shares: shares.New(rdb, "leadhook"), Boxes: seal.New(nil, true)},
			Waits: func(error) { told++ },
		}
		if _, err := e.Seed(t.Context(), []lead.Webhook{hook("A", "a1")}, edit.SeedOptions{}); err != nil {
			t.Fatal(err)
		}
		gone := errors.New("it is gone")
		kafka.set(gone)
		began := time.Now()
		err := e.Remove(t.Context(), "a1")
		if took := time.Since(began); !errors.Is(err, gone) || !strings.Contains(err.Error(), "not known whether the change counts") || took < 30*time.Second || took > 32*time.Second || told != 1 {
			t.Errorf("got %v after %v, and was told %d times, want the cause after half a minute, told once", err, took, told)
		}
		time.AfterFunc(20*time.Second, func() { kafka.set(nil) })
		if err := e.Remove(t.Context(), "a1"); err != nil {
			t.Errorf("when it comes back in time: got %v", err)
		}
		if _, err := (webhook.Catalog{Log: e.Log}).Find(t.Context(), "a1"); !errors.Is(err, webhook.ErrNoWebhook) {
			t.Errorf("the webhook: got %v, want none", err)
		}
		kafka.set(gone)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := e.Seed(ctx, []lead.Webhook{hook("A", "a1")}, edit.SeedOptions{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, gone) {
			t.Errorf("interrupted: got %v", err)
		}
	})
}
