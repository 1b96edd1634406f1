package consumer_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/lead"
)

// putInTransactions publishes n messages "0", "1", … to partition 0, each in a
// transaction of its own, whose marker takes an offset too.
func (r *rig) putInTransactions(n int) {
	r.t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(r.addr), kgo.TransactionalID(r.topic), kgo.DefaultProduceTopic(r.topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer producer.Close()
	for i := range n {
		if err := producer.BeginTransaction(); err != nil {
			r.t.Fatal(err)
		}
		value := []byte(strconv.Itoa(i))
		if err := producer.ProduceSync(r.t.Context(), &kgo.Record{Value: value}).FirstErr(); err != nil {
			r.t.Fatal(err)
		}
		if err := producer.EndTransaction(r.t.Context(), kgo.TryCommit); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestTheMarkersOfTransactionsAreNoMessages(t *testing.T) {
	r := newRig(t, 1)
	r.putInTransactions(5)
	seen := newTally()
	_, stop := r.start(r.options(), seen)
	r.until("records and markers are committed", func() bool { return r.committed() == 10 })
	stop()
	if got := seen.different(); got != 5 || seen.twice() != 0 {
		t.Errorf("%d messages handled and %d of them again, want the 5 that were published", got, seen.twice())
	}
}

func TestAnInstanceThatOnlyEndsItsAttemptsHoldsNoPartition(t *testing.T) {
	r := newRig(t, 2)
	r.put(0, 1)
	begun, finish := make(chan struct{}), make(chan struct{})
	var once, finished sync.Once
	end := func() { finished.Do(func() { close(finish) }) }
	_, stop := r.start(r.options(), handler(func(context.Context, *lead.Message) error {
		once.Do(func() { close(begun) })
		<-finish
		return nil
	}))
	t.Cleanup(end)
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	seen := newTally()
	_, stopOther := r.start(r.options(), seen)
	r.put(1, 20)
	r.until("the other instance reads both partitions", func() bool { return seen.different() >= 20 })
	select {
	case <-stopped:
		t.Error("stopped while an attempt was under way")
	default:
	}
	end()
	<-stopped
	stopOther()
}

func TestANewLogIsNotSkippedUpToTheOldOffset(t *testing.T) {
	t.Parallel() // it takes its time
	r := newRig(t, 1)
	// What a group leaves behind when its topic is made again.
	if _, err := r.client.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{GroupID: r.group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{r.topic: {{Partition: 0, Offset: 30}}}}); err != nil {
		t.Fatal(err)
	}
	r.put(0, 10)
	var begun atomic.Int64
	_, stop := r.start(r.options(), handler(func(ctx context.Context, _ *lead.Message) error {
		begun.Add(1)
		<-ctx.Done() // nothing settles
		return context.Cause(ctx)
	}))
	r.until("the new log is read", func() bool { return begun.Load() == 10 })
	stop()
	r.put(10, 40) // the log is longer now than the old offset
	seen := newTally()
	_, stop = r.start(r.options(), seen)
	r.until("all are committed", func() bool { return r.committed() == 50 })
	stop()
	if got := seen.different(); got != 50 {
		t.Errorf("%d messages handled, want all 50 of the new log", got)
	}
}

// fetches has the embedded broker do something before it answers a fetch, with
// an error if one is returned.
func (r *rig) fetches(before func() *kerr.Error) {
	r.embedded.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r.embedded.KeepControl()
		var result atomic.Pointer[kerr.Error] // a broker that is closed does not wait for it
		r.embedded.SleepControl(func() { result.Store(before()) })
		failure := result.Load()
		if failure == nil {
			return nil, nil, false
		}
		asked := req.(*kmsg.FetchRequest).Topics[0]
		part := kmsg.NewFetchResponseTopicPartition()
		part.Partition, part.ErrorCode = asked.Partitions[0].Partition, failure.Code
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.Partitions = asked.Topic, []kmsg.FetchResponseTopicPartition{part}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		resp.Topics = []kmsg.FetchResponseTopic{topic}
		return resp, nil, true
	})
}

func TestABrokerThatTakesLongIsReadNonetheless(t *testing.T) {
	r := newEmbeddedRig(t, 1)
	r.put(0, 10)
	r.fetches(func() *kerr.Error {
		time.Sleep(1500 * time.Millisecond)
		return nil
	})
	_, stop := r.start(r.options(), newTally())
	r.until("all are committed", func() bool { return r.committed() == 10 })
	stop()
}

func TestStoppingDoesNotWaitForAFetch(t *testing.T) {
	r := newEmbeddedRig(t, 1)
	fetching := make(chan struct{}, 1000)
	r.fetches(func() *kerr.Error { fetching <- struct{}{}; return nil })
	_, stop := r.start(r.options(), newTally())
	<-fetching // nothing is there: the broker waits for ten seconds
	began := time.Now()
	stop()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("stopped after %v, want at once", took)
	}
}

func TestAPartitionIsReadyAgainBeforeAnotherMessageComes(t *testing.T) {
	t.Parallel() // it takes its time
	r := newEmbeddedRig(t, 1)
	var healed atomic.Bool
	r.fetches(func() *kerr.Error {
		if healed.Load() {
			return nil
		}
		return kerr.KafkaStorageError
	})
	c, stop := r.start(r.options(), newTally())
	r.until("it says that it cannot fetch", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), "cannot be fetched")
	})
	healed.Store(true)
	r.until("it is ready again", func() bool { return c.Ready() == nil })
	stop()
}

func TestAMissingTopicIsNotReady(t *testing.T) {
	t.Parallel() // it takes its time
	r := newRig(t, 1)
	r.put(0, 1)
	c, stop := r.start(r.options(), newTally())
	r.until("it reads", func() bool { return r.committed() == 1 && c.Ready() == nil })
	if _, err := r.client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{r.topic}}); err != nil {
		t.Fatal(err)
	}
	r.until("it says what is missing", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), "missing topics: "+r.topic+"; ")
	})
	r.createTopic()
	r.put(1, 1)
	r.until("it reads the new one", func() bool { return r.committed() == 1 && c.Ready() == nil })
	stop()
}

func TestRecordsThatRetentionTookAreCounted(t *testing.T) {
	r := newRig(t, 1)
	for i := range 20 {
		r.put(i, 1) // a batch of its own
	}
	opts := r.options()
	opts.OpenEvents, opts.FetchMaxBytes = 1, 1
	begun, release := make(chan struct{}, 20), make(chan struct{})
	reg := prometheus.NewRegistry()
	_, stop := r.startWith(reg, opts, handler(func(context.Context, *lead.Message) error {
		begun <- struct{}{}
		<-release
		return nil
	}))
	<-begun // some more are fetched ahead, and nothing is taken any further
	r.deleteRecords(15)
	close(release)
	r.until("the rest is committed", func() bool { return r.committed() == 20 })
	stop()
	handled := 1 + len(begun)
	if lost := counted(t, reg, "leadhook_records_lost_total"); lost == 0 || handled+lost != 20 {
		t.Errorf("of 20 records %d were handled and %d counted as lost, want all accounted for and some lost", handled, lost)
	}
}

// deleteRecords does what retention does: it removes what is before offset.
func (r *rig) deleteRecords(offset int64) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.addr))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Offset = offset
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic, topic.Partitions = r.topic, []kmsg.DeleteRecordsRequestTopicPartition{part}
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics = []kmsg.DeleteRecordsRequestTopic{topic}
	if _, err := req.RequestWith(r.t.Context(), client); err != nil {
		r.t.Fatal(err)
	}
}

func counted(t *testing.T, reg *prometheus.Registry, name string) int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// TestAGenerationThatIsOverIsNotRead has a join fail, after which the consumer rests, and a
// rebalance end the next generation meanwhile.
func TestAGenerationThatIsOverIsNotRead(t *testing.T) {
	r := newEmbeddedRig(t, 1)
	r.put(0, 100)
	r.embedded.ControlKey(int16(kmsg.SyncGroup), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.SyncGroupResponse)
		resp.ErrorCode = kerr.RebalanceInProgress.Code
		return resp, nil, true
	})
	r.embedded.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
		resp.ErrorCode = kerr.RebalanceInProgress.Code
		return resp, nil, true
	})
	opts := r.options()
	opts.HeartbeatInterval = 10 * time.Millisecond
	seen, reg := newTally(), prometheus.NewRegistry()
	_, stop := r.startWith(reg, opts, seen)
	r.until("all are committed", func() bool { return r.committed() == 100 })
	stop()
	if seen.twice() != 0 {
		t.Errorf("%d handled twice, want 0", seen.twice())
	}
	if n := counted(t, reg, "leadhook_group_generations_total"); n != 1 {
		t.Errorf("read in %d generations, want 1: the other was over", n)
	}
}

// A group whose coordinator moves must not wait for members that could not leave.
func TestACoordinatorThatMovesDoesNotHoldUpTheGroup(t *testing.T) {
	t.Parallel() // it takes its time
	r := newEmbeddedRig(t, 1)
	opts := r.options()
	opts.SessionTimeout, opts.RebalanceTimeout = 50*time.Second, 50*time.Second
	handled := newTally()
	_, stop := r.start(opts, handled)
	r.put(0, 1)
	r.until("it reads", func() bool { return r.committed() == 1 })
	loading := r.embedded.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.JoinGroup, kmsg.LeaveGroup}, Group: r.group,
		TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	r.until("it has tried to leave and to join", func() bool { return loading.Hits() >= 3 })
	loading.Remove()
	loaded := time.Now()
	r.put(1, 1)
	r.until("it reads again", func() bool { return handled.different() == 2 })
	if took := time.Since(loaded); took > opts.SessionTimeout/2 {
		t.Errorf("it reads again %v after the coordinator was loaded", took)
	}
	stop()
}
