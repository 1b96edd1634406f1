//go:build faults

package faults

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/realstack"
)

// three are the brokers of a cluster, each with a line to it. They are started when a
// test asks for them, and ended when one does not.
type three struct {
	cluster *realstack.KafkaCluster
	lines   []*line
}

// needThree returns three brokers that are well, whatever a test has done to them.
func (s *stack) needThree(t *testing.T) *three {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if s.three == nil {
		started, err := startThree(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.three = started
		return started
	}
	if err := s.three.heal(ctx); err != nil {
		t.Fatal(err)
	}
	return s.three
}

func startThree(ctx context.Context) (b *three, err error) {
	b = &three{}
	for range 3 {
		l, err := newLine()
		if err != nil {
			b.close()
			return nil, err
		}
		b.lines = append(b.lines, l)
	}
	b.cluster, err = realstack.StartKafkaCluster(ctx, realstack.KafkaClusterOptions{Proxies: b.lineAddrs(), Config: map[string]string{
		"group.min.session.timeout.ms":    "1000",
		"log.retention.check.interval.ms": "600000",
	}})
	if err != nil {
		b.close()
		return nil, err
	}
	for n, k := range b.cluster.Nodes() {
		b.lines[n].leadTo(k.ProxiedAddr())
	}
	return b, nil
}

func (b *three) lineAddrs() (addrs []string) {
	for _, l := range b.lines {
		addrs = append(addrs, l.addr())
	}
	return addrs
}

func (b *three) heal(ctx context.Context) error {
	for n, k := range b.cluster.Nodes() {
		if err := b.lines[n].heal(ctx); err != nil {
			return err
		}
		if answers(k.Addr()) {
			continue
		}
		if err := k.Restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *three) close() {
	if b.cluster != nil {
		_ = b.cluster.Close() // a directory that stays behind is no failure of the service
	}
	for _, l := range b.lines {
		l.close()
	}
}

func (s *stack) endThree() {
	if s.three != nil {
		s.three.close()
		s.three = nil
	}
}

// place has partitions of a topic on these brokers alone.
func (r *rig) place(topic string, partition int, on ...*realstack.Kafka) {
	r.t.Helper()
	if err := r.three.cluster.Place(r.t.Context(), topic, partition, on...); err != nil {
		r.t.Fatal(err)
	}
}

// back restarts a broker, and returns when its replicas are in sync.
func (r *rig) back(broker *realstack.Kafka) {
	r.t.Helper()
	if err := broker.Restart(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
}

// flowing publishes until the returned function is called, which returns when all has been
// taken.
func (r *rig) flowing(rate float64, hooks ...*hook) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for ctx.Err() == nil {
			r.publish(int(2*rate), rate, hooks...)
		}
	})
	stop = func() { cancel(); publisher.Wait() }
	r.t.Cleanup(stop)
	return stop
}

// partitionOf is where an advertiser's leads are.
func partitionOf(h *hook) int {
	var all []int
	for p := range partitions {
		all = append(all, p)
	}
	return (&kafka.Hash{}).Balance(kafka.Message{Key: []byte(h.Advertiser)}, all...)
}

// stall is the longest time after a moment in which leads waited that some partition had for
// the hooks, and none of them was delivered. What a publisher could not publish does not wait.
func (a *account) stall(from time.Time, hooks []*hook) (longest time.Duration) {
	for _, w := range a.waits(from, hooks) {
		longest = max(longest, w.long())
	}
	return longest
}

// waits are the times that ended after a moment in which leads waited that some partition had
// for the hooks, and none of them was delivered.
func (a *account) waits(from time.Time, hooks []*hook) (all []wait) {
	healthy := map[*hook]bool{}
	for _, h := range hooks {
		healthy[h] = true
	}
	by := map[int][]flight{}
	for _, f := range a.flights {
		if healthy[f.pair.hook] {
			by[partitionOf(f.pair.hook)] = append(by[partitionOf(f.pair.hook)], f)
		}
	}
	for _, flights := range by {
		all = append(all, waits(flights)...)
	}
	return slices.DeleteFunc(all, func(w wait) bool { return !w.to.After(from) })
}

// A wait is a time between two deliveries in which something waited.
type wait struct{ from, to time.Time }

func (w wait) long() time.Duration { return w.to.Sub(w.from) }

// waits are the times between deliveries, each from when something waited.
func waits(flights []flight) (all []wait) {
	slices.SortFunc(flights, func(x, y flight) int { return x.delivered.Compare(y.delivered) })
	oldest := time.Now() // when the oldest was published of those that are delivered later
	for n := len(flights) - 1; n >= 0; n-- {
		f := flights[n]
		if f.pair.published.Before(oldest) {
			oldest = f.pair.published
		}
		from := oldest
		if n > 0 && flights[n-1].delivered.After(from) {
			from = flights[n-1].delivered
		}
		all = append(all, wait{from, f.delivered})
	}
	return all
}
