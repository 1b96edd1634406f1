package deadletter_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/deadletter"
)

// pull returns what the sequence yields, one call each.
func pull(t *testing.T, seq iter.Seq2[deadletter.Letter, error]) (next func() int, stop func()) {
	t.Helper()
	one, stop := iter.Pull2(seq)
	return func() int {
		t.Helper()
		letter, err, ok := one()
		if err != nil || !ok {
			t.Fatalf("tail ended: %v", err)
		}
		return letter.Attempts
	}, stop
}

func TestTailBeginsWithTheNewestAndGoesOn(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	for i := range 9 {
		r.bury(t, topic, i%3, i+1, i)
	}
	next, stop := pull(t, deadletter.NewReader(r.Client, topic, zaptest.NewLogger(t)).Tail(within(t), deadletter.Filter{}, 2))
	defer stop()
	for _, want := range []int{8, 9} {
		if got := next(); got != want {
			t.Errorf("yielded %d, want %d", got, want)
		}
	}
	for i := range 6 {
		r.bury(t, topic, i%3, 100+i, 100+i)
		if got := next(); got != 100+i {
			t.Errorf("yielded %d, want %d", got, 100+i)
		}
	}
}

func TestTailEndsWithItsContext(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	r.bury(t, topic, 0, 1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []int
	for letter, err := range deadletter.NewReader(r.Client, topic, zaptest.NewLogger(t)).Tail(ctx, deadletter.Filter{}, 5) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, letter.Attempts)
		cancel()
	}
	if !slices.Equal(got, []int{1}) {
		t.Errorf("yielded %v, want the one letter", got)
	}
}

func TestTailAfterRetentionHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVirtual(t, kfake.SeedTopics(1, "leads.dlq"))
		v.bury(t, "leads.dlq", 0, 1, 1)
		next, stop := pull(t, v.deadLetters().Tail(t.Context(), deadletter.Filter{}, 1))
		defer stop()
		if got := next(); got != 1 {
			t.Errorf("yielded %d, want 1", got)
		}
		// The tail is not being read while retention overtakes it.
		v.bury(t, "leads.dlq", 0, 2, 2)
		v.bury(t, "leads.dlq", 0, 3, 3)
		v.deleteBefore(t, "leads.dlq", 0, 2)
		if got := next(); got != 3 {
			t.Errorf("yielded %d, want 3, the first that is left", got)
		}
	})
}

// A virtual rig has its network and its clock in the bubble of a test.
type virtual struct {
	*rig
	network *kfake.VirtualNetwork
	log     *zap.Logger
	lines   *observer.ObservedLogs
}

func newVirtual(t *testing.T, opts ...kfake.Opt) *virtual {
	t.Helper()
	v := &virtual{network: &kfake.VirtualNetwork{}}
	core, lines := observer.New(zap.InfoLevel)
	v.log, v.lines = zap.New(core), lines
	v.rig = connect(t, "127.0.0.1:9092")
	v.Transport.Dial = v.network.DialContext
	v.start(t, opts...)
	return v
}

// start starts the broker, as a new one if it was closed before.
func (v *virtual) start(t *testing.T, opts ...kfake.Opt) {
	t.Helper()
	opts = append(opts, kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(v.network.Listen))
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	v.Cluster = cluster
}

func (v *virtual) deadLetters() *deadletter.Reader {
	return deadletter.NewReader(v.Client, "leads.dlq", v.log)
}

func TestTailWhileKafkaIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := kfake.DataDir(t.TempDir())
		v := newVirtual(t, kfake.SeedTopics(3, "leads.dlq"), data)
		v.bury(t, "leads.dlq", 0, 1, 1)
		next, stop := pull(t, v.deadLetters().Tail(t.Context(), deadletter.Filter{}, 1))
		defer stop()
		next() // the first letter; from here on the tail follows
		v.bury(t, "leads.dlq", 0, 2, 2)
		if got := next(); got != 2 {
			t.Errorf("yielded %d, want 2", got)
		}
		v.Cluster.Close()
		time.Sleep(time.Hour)
		v.start(t, data)
		time.Sleep(time.Minute)
		v.bury(t, "leads.dlq", 1, 3, 3)
		if got := next(); got != 3 {
			t.Errorf("yielded %d, want 3", got)
		}
		if got := slices.Compact(messages(v.lines)); !slices.Equal(got, []string{"cannot read dead letters; retrying", "reading dead letters again"}) {
			t.Errorf("log lines %q, want one for each change", got)
		}
	})
}

func TestTailFindsNewPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVirtual(t, kfake.SeedTopics(1, "leads.dlq"))
		v.bury(t, "leads.dlq", 0, 1, 1)
		next, stop := pull(t, v.deadLetters().Tail(t.Context(), deadletter.Filter{}, 1))
		defer stop()
		next() // the first letter; from here on the tail follows
		v.bury(t, "leads.dlq", 0, 2, 2)
		if got := next(); got != 2 {
			t.Errorf("yielded %d, want 2", got)
		}
		_, err := v.Client.CreatePartitions(t.Context(), &kafka.CreatePartitionsRequest{
			Topics: []kafka.TopicPartitionsConfig{{Name: "leads.dlq", Count: 2}},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // the transport learns it
		v.bury(t, "leads.dlq", 1, 3, 3)
		if got := next(); got != 3 {
			t.Errorf("yielded %d, want 3, from the new partition", got)
		}
	})
}

// An offset without a record at the very end must not be asked for again and
// again: a broker answers at once as long as it has something to send.
func TestTailRestsBehindOffsetsWithoutRecords(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	r.bury(t, topic, 0, 1, 1)
	next, stop := pull(t, deadletter.NewReader(r.Client, topic, zaptest.NewLogger(t)).Tail(within(t), deadletter.Filter{}, 1))
	defer stop()
	next() // the first letter; from here on the tail follows
	r.bury(t, topic, 0, 2, 2)
	next()
	r.mark(t, topic)
	fetches := r.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := fetches.Wait(ctx, 10); err == nil {
		t.Error("ten requests within a moment, want it to wait for something new")
	}
}
