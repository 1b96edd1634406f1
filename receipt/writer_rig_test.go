package receipt_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/receipt"
	"github.com/leadhook/leadhook/topics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("the partition has no leader")

// A topic stands for the topic of receipts: partitions of it may be away.
type topic struct {
	mu      sync.Mutex
	away    map[int]bool
	batches map[int][][]*receipt.Receipt
	bad     []error
}

func (to *topic) PublishBatch(ctx context.Context, at topics.Partition, records []producer.Record) error {
	for !to.take(at, records) {
		select {
		case <-ctx.Done():
			return errAway
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func (to *topic) take(at topics.Partition, records []producer.Record) bool {
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.away[at.Number] {
		return false
	}
	batch := make([]*receipt.Receipt, len(records))
	for i := range records {
		r, err := receipt.Parse(records[i].Value)
		if err == nil && (at.Topic != "leads.receipts" || r.Advertiser != string(records[i].Key)) {
			err = fmt.Errorf("it is in %s with the key %q", at, records[i].Key)
		}
		if err != nil {
			to.bad = append(to.bad, fmt.Errorf("%s: %w", records[i].Value, err))
			r = &receipt.Receipt{}
		}
		batch[i] = r
	}
	to.batches[at.Number] = append(to.batches[at.Number], batch)
	return true
}

func (to *topic) set(away bool, partitions ...int) {
	to.mu.Lock()
	defer to.mu.Unlock()
	for _, n := range partitions {
		to.away[n] = away
	}
}

// batchesOf are the batches that a partition has taken.
func (to *topic) batchesOf(partition int) [][]*receipt.Receipt {
	to.mu.Lock()
	defer to.mu.Unlock()
	return slices.Clone(to.batches[partition])
}

func (to *topic) of(partition int) []*receipt.Receipt {
	return slices.Concat(to.batchesOf(partition)...)
}

// A settling counts what is settled.
type settling struct {
	mu   sync.Mutex
	keys map[receipt.Place]int
}

func (s *settling) of(p receipt.Place) func() {
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys[p]++
	}
}

func (s *settling) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

type rig struct {
	*receipt.Writer
	topic   *topic
	settled *settling
	reg     *prometheus.Registry
	logged  *observer.ObservedLogs
}

func newRig(t *testing.T, required bool) *rig {
	core, logged := observer.New(zap.InfoLevel)
	r := &rig{
		topic: &topic{away: map[int]bool{}, batches: map[int][][]*receipt.Receipt{}}, settled: &settling{keys: map[receipt.Place]int{}},
		reg: prometheus.NewRegistry(), logged: logged,
	}
	r.Writer = receipt.NewWriter(receipt.Options{Topic: topics.ReceiptsName("leads"), Instance: "leadhook-0", Required: required}, r.topic, r.reg, zap.New(core))
	t.Cleanup(func() {
		for _, err := range r.topic.bad {
			t.Error(err)
		}
	})
	return r
}

// write writes the receipt of an ordinary lead.
func (r *rig) write(t testing.TB, partition int, offset int64) {
	t.Helper()
	one := ordinary()
	one.Place = receipt.Place{Topic: "leads", Partition: partition, Offset: offset}
	if err := r.Write(t.Context(), one, r.settled.of(one.Place)); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) nobodys(t testing.TB, topic string, partition int, offset int64) {
	t.Helper()
	at := receipt.Place{Topic: topic, Partition: partition, Offset: offset}
	if err := r.NoWebhooks(t.Context(), at, r.settled.of(at)); err != nil {
		t.Fatal(err)
	}
}

// close closes the Writer, with a minute for what is pending.
func (r *rig) close(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// lines are the messages of the log.
func (r *rig) lines() []string {
	var all []string
	for _, l := range r.logged.All() {
		all = append(all, l.Message)
	}
	return all
}
