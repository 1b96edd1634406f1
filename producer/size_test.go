package producer_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/topics"
)

// noise is what no compression makes smaller.
func noise(n int) []byte {
	b := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(b)
	return b
}

func TestRefusedSizeStallsItselfAlone(t *testing.T) {
	t.Parallel() // it waits until Ready loses its patience
	r := newRig(t)
	topic := r.Topic(t, 1, "max.message.bytes=4000")
	log, lines := observer.New(zap.InfoLevel)
	p := publisher(t, r, zap.New(log))
	large := publishing(t.Context(), p, producer.Record{Topic: topic, Value: noise(20000)})
	waitFor(t, func() bool { return lines.Len() > 0 })

	var wg sync.WaitGroup
	for range 50 { // 40 KB: more than one batch may have here
		wg.Go(func() {
			if err := p.Publish(within(t), producer.Record{Topic: topic, Value: noise(800)}); err != nil {
				t.Errorf("a small record beside a refused one: %v", err)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-large:
		t.Fatalf("Publish of what the broker refuses returned %v", err)
	default:
	}
	waitFor(t, func() bool { return p.Ready() != nil })
	if err := p.Ready(); !strings.Contains(err.Error(), "max.message.bytes of "+topic) {
		t.Errorf("Ready says %q, want what to raise", err)
	}

	r.Set(t, topic, "max.message.bytes", "100000")
	if err := await(t, large); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(); err != nil {
		t.Errorf("Ready after it: %v", err)
	}
}

func TestManyRecordsThatFitOnlyOneByOne(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 1, "max.message.bytes=1500")
	p := publisher(t, r, zaptest.NewLogger(t))
	records := make([]producer.Record, 100)
	for i := range records {
		records[i] = producer.Record{Topic: topic, Value: fmt.Appendf(nil, "%d %x", i, noise(500))}
	}
	if err := errors.Join(p.PublishAll(within(t), records)...); err != nil {
		t.Fatal(err)
	}
	if end := r.End(t, topic, 0); end != 100 {
		t.Errorf("the topic has %d records, want 100", end)
	}
}

// An event may be larger than max.message.bytes where its producer compresses.
func TestLargerThanTheTopicButCompressible(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	p := publisher(t, r, zaptest.NewLogger(t))
	letter := aLetter()
	letter.Message.Value = bytes.Repeat([]byte("lead "), 600_000)
	if err := producer.NewDeadLetters(p, topic).Bury(within(t), letter); err != nil {
		t.Fatal(err)
	}
	if got := r.Reader(t, topic, 2)(); !bytes.Equal(got.Value, letter.Message.Value) {
		t.Errorf("%d bytes came back, want the %d published", len(got.Value), len(letter.Message.Value))
	}
}

// A full-size lead, whose headers are as large as its topic lets them be.
func TestLargestLeadCanBeBuried(t *testing.T) {
	const limit = 100_000
	r := newRig(t)
	live := r.Topic(t, 1, fmt.Sprintf("max.message.bytes=%d", limit))
	dead := r.Topic(t, 1, fmt.Sprintf("max.message.bytes=%d", limit+topics.HeadRoom))
	p := publisher(t, r, zaptest.NewLogger(t))
	event := producer.Record{
		Topic: live, Key: []byte("USA_1"), Value: noise(50_000),
		Headers: []lead.Header{{Key: "binary", Value: noise(limit - 50_000 - 100)}},
	}
	if err := p.PublishAll(within(t), []producer.Record{event})[0]; err != nil {
		t.Fatal(err)
	}
	letter := aLetter()
	letter.Error = strings.Repeat("é", 600)
	letter.Message = r.Reader(t, live, 0)()
	if err := producer.NewDeadLetters(p, dead).Bury(within(t), letter); err != nil {
		t.Fatal(err)
	}
	got := r.Reader(t, dead, 0)()
	if !bytes.Equal(got.Value, event.Value) || got.Header("binary") != string(event.Headers[0].Value) {
		t.Error("the event or its header is not as it was")
	}
}
