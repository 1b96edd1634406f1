package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/consumer/fetch"
	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/lead"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a Kafka with a topic, and a Fetcher that runs.
type rig struct {
	*kafkatest.Rig
	t     testing.TB
	topic string
	opts  fetch.Options
	f     *fetch.Fetcher
	stop  func()

	mu     sync.Mutex
	failed map[int]string // by partition; guarded by mu
}

func newRig(t testing.TB, k *kafkatest.Rig, partitions int, settings ...string) *rig {
	t.Helper()
	return &rig{Rig: k, t: t, topic: k.Topic(t, partitions, settings...), failed: make(map[int]string), opts: fetch.Options{
		Brokers: k.Brokers, MaxBytes: 1 << 20, HeldBytes: 4 << 20, MaxRecordBytes: 1 << 20,
	}}
}

func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.opts.Transport = &kafka.Transport{ClientID: "test", MetadataTTL: 15 * time.Second, MetadataTopics: []string{r.topic}}
	r.opts.Failed = func(_ string, partition int, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if delete(r.failed, partition); err != nil {
			r.failed[partition] = err.Error()
		}
	}
	r.f = fetch.New(r.opts)
	done := make(chan struct{})
	go func() { r.f.Run(ctx); close(done) }()
	r.stop = func() { cancel(); <-done }
	r.t.Cleanup(r.stop)
}

func (r *rig) failure(partition int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed[partition]
}

// put appends records "first", "first+1", … to a partition, each in a batch of its own.
func (r *rig) put(partition, first, n int) {
	r.t.Helper()
	for i := range n {
		r.Produce(r.t, r.topic, partition, batchOf(0, fmt.Sprint(first+i)))
	}
}

// batchOf is a batch with these values, for the broker to append.
func batchOf(attributes int16, values ...string) []byte {
	b := kafkatest.Batch{Last: int64(len(values) - 1), Attributes: attributes, ProducerID: -1,
		FirstTime: time.Now().UnixMilli(), MaxTime: time.Now().UnixMilli()}
	for i, v := range values {
		b.Records = append(b.Records, kafkatest.BatchRecord{Offset: int64(i), Value: []byte(v)})
	}
	return b.Bytes()
}

// take returns the next message of a partition.
func take(t testing.TB, p *fetch.Partition) lead.Message {
	t.Helper()
	for {
		head, err := p.Peek(kafkatest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		if head.Empty {
			p.Pass()
			continue
		}
		if m, ok := p.Take(); ok {
			if m.Offset != head.Offset {
				t.Fatalf("took offset %d, and had peeked at %d", m.Offset, head.Offset)
			}
			return m
		}
	}
}

// values takes so many messages.
func values(t testing.TB, p *fetch.Partition, n int) (got []string) {
	t.Helper()
	for range n {
		m := take(t, p)
		got = append(got, string(m.Value))
	}
	return got
}

func numbers(first, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(first+i))
	}
	return all
}

func want(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

func TestMessagesAreAsTheyWerePublished(t *testing.T) {
	for codec, attributes := range map[string]int16{"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4} {
		t.Run(codec, func(t *testing.T) {
			r := newRig(t, kafkatest.New(t), 2)
			r.Produce(t, r.topic, 1, kafkatest.Batch{Last: 1, Attributes: attributes, ProducerID: -1, FirstTime: 1_700_000_000_000, MaxTime: 1_700_000_000_500,
				Records: []kafkatest.BatchRecord{
					{Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}}},
					{Offset: 1, TimeDelta: 500}}}.Bytes())
			r.start()
			p := r.f.Partition(r.topic, 1, 0)
			want(t, take(t, p), lead.Message{Topic: r.topic, Partition: 1, Key: []byte("k"), Value: []byte("v"),
				Headers: []lead.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}}, Time: time.UnixMilli(1_700_000_000_000)})
			want(t, take(t, p), lead.Message{Topic: r.topic, Partition: 1, Offset: 1, Time: time.UnixMilli(1_700_000_000_500)})
		})
	}
}

func TestAPartitionThatNobodyTakesHoldsUpNoOther(t *testing.T) {
	r := newRig(t, kafkatest.New(t), 2)
	large := strings.Repeat("x", 300<<10)
	for range 20 {
		r.Produce(t, r.topic, 0, batchOf(0, large))
	}
	r.put(1, 0, 50)
	r.opts.HeldBytes = 1 << 20
	r.start()
	stalled, other := r.f.Partition(r.topic, 0, 0), r.f.Partition(r.topic, 1, 0)
	if _, err := stalled.Peek(kafkatest.Within(t)); err != nil {
		t.Fatal(err)
	}
	want(t, values(t, other, 50), numbers(0, 50))
	for i := range 50 { // one by one: the answer to each request has to be waited for
		r.put(1, 50+i, 1)
		want(t, values(t, other, 1), numbers(50+i, 1))
	}
	for i := range 20 {
		if m := take(t, stalled); m.Offset != int64(i) {
			t.Fatalf("got offset %d, want %d", m.Offset, i)
		}
	}
}

// fetches has the embedded broker call before for each fetch.
func (r *rig) fetches(before func(*kmsg.FetchRequest)) {
	r.Cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		before(req.(*kmsg.FetchRequest))
		return nil, nil, false
	})
}

func TestOneRequestIsForAllPartitionsOfABroker(t *testing.T) {
	const partitions = 64
	r := newRig(t, kafkatest.NewFake(t), partitions)
	var mu sync.Mutex
	requests := 0
	together := make(chan struct{}) // closed once a request was for all
	r.fetches(func(req *kmsg.FetchRequest) {
		mu.Lock()
		defer mu.Unlock()
		asked := 0
		for _, topic := range req.Topics {
			asked += len(topic.Partitions)
		}
		if requests++; asked == partitions {
			select {
			case <-together:
			default:
				close(together)
			}
		}
	})
	r.start()
	var all []*fetch.Partition
	for n := range partitions {
		all = append(all, r.f.Partition(r.topic, n, 0))
	}
	select { // those that were added while others waited are together with them soon
	case <-together:
	case <-kafkatest.Within(t).Done():
		t.Fatal("no request was for all partitions")
	}
	mu.Lock()
	before := requests
	mu.Unlock()
	for n, p := range all {
		r.put(n, n, 1)
		want(t, values(t, p, 1), numbers(n, 1))
	}
	mu.Lock()
	defer mu.Unlock()
	if asked := requests - before; asked > 4*partitions {
		t.Errorf("%d requests for %d records, want few", asked, partitions)
	}
}

func TestWhatIsNotTakenIsNotFetchedAgain(t *testing.T) {
	r := newRig(t, kafkatest.NewFake(t), 2)
	r.put(0, 0, 10)
	var mu sync.Mutex
	asked := 0
	r.fetches(func(req *kmsg.FetchRequest) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range req.Topics[0].Partitions {
			if p.Partition == 0 {
				asked++
			}
		}
	})
	r.start()
	waiting, other := r.f.Partition(r.topic, 0, 0), r.f.Partition(r.topic, 1, 0)
	if _, err := waiting.Peek(kafkatest.Within(t)); err != nil {
		t.Fatal(err)
	}
	waiting.Drop()
	for i := range 100 {
		r.put(0, 10+i, 1)
		r.put(1, i, 1)
		want(t, values(t, other, 1), numbers(i, 1))
	}
	mu.Lock()
	if asked > 10 {
		t.Errorf("a partition that takes nothing was asked for %d times", asked)
	}
	mu.Unlock()
	want(t, values(t, waiting, 110), numbers(0, 110))
}

func TestADamagedBatchIsTold(t *testing.T) {
	r := newRig(t, kafkatest.NewFake(t), 2)
	r.Produce(t, r.topic, 0, batchOf(0, "before"))
	raw := kmsg.RecordBatch{Magic: 2, Attributes: 4, NumRecords: 1, Records: []byte("no zstd")}
	r.Produce(t, r.topic, 0, kafkatest.Sealed(&raw))
	r.put(1, 0, 3)
	r.start()
	damaged, other := r.f.Partition(r.topic, 0, 0), r.f.Partition(r.topic, 1, 0)
	want(t, values(t, damaged, 1), []string{"before"})
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan struct{})
	go func() { _, _ = damaged.Peek(ctx); close(waited) }()
	kafkatest.WaitFor(t, func() bool {
		return strings.Contains(r.failure(0), "the batch at offset 1 cannot be read: unpacking it")
	})
	want(t, values(t, other, 3), numbers(0, 3))
	if text := r.failure(1); text != "" {
		t.Errorf("the other partition failed: %s", text)
	}
	cancel()
	<-waited
}

func TestAnOffsetThatTheLogDoesNotHave(t *testing.T) {
	r := newRig(t, kafkatest.New(t), 1)
	r.put(0, 0, 1)
	r.start()
	p := r.f.Partition(r.topic, 0, 7)
	for range 2 {
		if _, err := p.Peek(kafkatest.Within(t)); !errors.Is(err, kafka.OffsetOutOfRange) {
			t.Fatalf("got %v, want %v", err, kafka.OffsetOutOfRange)
		}
	}
}

func TestALeaderThatMovesIsFollowedAtOnce(t *testing.T) {
	k := kafkatest.NewFake(t, kfake.NumBrokers(3))
	r := newRig(t, k, 3)
	r.start()
	var all []*fetch.Partition
	for n := range 3 {
		all = append(all, r.f.Partition(r.topic, n, 0))
	}
	for round := range 6 {
		for n, p := range all {
			leader := int32((n + round) % 3)
			if err := k.Cluster.MoveTopicPartition(r.topic, int32(n), leader); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			if err != nil {
				t.Fatal(err)
			}
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: r.topic, Partition: int32(n), Value: fmt.Append(nil, round)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			client.Close()
			want(t, values(t, p, 1), numbers(round, 1))
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("the record of a leader that moved took %v", took)
			}
		}
	}
}

func TestAPartitionWithoutLeaderIsToldAndOthersGoOn(t *testing.T) {
	r := newRig(t, kafkatest.NewFake(t), 2)
	r.put(1, 0, 3)
	r.Cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		asked := req.(*kmsg.FetchRequest).Topics[0].Partitions
		if len(asked) != 1 || asked[0].Partition != 0 {
			r.Cluster.KeepControl()
			return nil, nil, false
		}
		r.Cluster.KeepControl()
		part := kmsg.NewFetchResponseTopicPartition()
		part.ErrorCode = kerr.LeaderNotAvailable.Code
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.Partitions = r.topic, []kmsg.FetchResponseTopicPartition{part}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		resp.Topics = []kmsg.FetchResponseTopic{topic}
		return resp, nil, true
	})
	r.start()
	r.f.Partition(r.topic, 0, 0)
	kafkatest.WaitFor(t, func() bool { return strings.Contains(r.failure(0), "Leader Not Available") })
	want(t, values(t, r.f.Partition(r.topic, 1, 0), 3), numbers(0, 3))
}

func TestABrokerThatIsAwayIsWaitedFor(t *testing.T) {
	r := newRig(t, kafkatest.New(t), 1)
	r.opts.Brokers = []string{"127.0.0.1:1"}
	r.start()
	r.f.Partition(r.topic, 0, 0)
	kafkatest.WaitFor(t, func() bool { return strings.Contains(r.failure(0), "127.0.0.1:1") })
}

// TestBombsAreBounded has a record that unpacks to 300 MiB between others, in each of
// some partitions that are read at once.
func TestBombsAreBounded(t *testing.T) {
	const partitions = 6
	r := newRig(t, kafkatest.NewFake(t), partitions)
	for i, attributes := range []int16{1, 4} { // gzip and zstd
		bomb := kafkatest.Batch{Attributes: attributes, ProducerID: -1, Records: []kafkatest.BatchRecord{{Key: []byte("k"), Zeros: 300 << 20}}}.Bytes()
		for n := i; n < partitions; n += 2 {
			r.Produce(t, r.topic, n, batchOf(attributes, "before"), bomb, batchOf(attributes, "behind"))
		}
	}
	r.start()
	runtime.GC()
	done := make(chan struct{})
	most := peak(done)
	var wg sync.WaitGroup
	for n := range partitions {
		p := r.f.Partition(r.topic, n, 0)
		wg.Go(func() {
			before, bomb, behind := take(t, p), take(t, p), take(t, p)
			if string(before.Value) != "before" || string(behind.Value) != "behind" {
				t.Errorf("got %q and %q around it", before.Value, behind.Value)
			}
			if bomb.Offset != 1 || string(bomb.Key) != "k" || bomb.Value != nil || bomb.Omitted < 300<<20 {
				t.Errorf("got offset %d, key %q, %d bytes, %d omitted; want the place, the key and the size", bomb.Offset, bomb.Key, len(bomb.Value), bomb.Omitted)
			}
		})
	}
	wg.Wait()
	close(done)
	if used := <-most; used > 100<<20 {
		t.Errorf("it took %d MiB", used>>20)
	}
}

// live returns how many bytes of the heap are in use.
func live() uint64 {
	runtime.GC()
	runtime.GC() // what pools kept for one round
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.HeapAlloc
}

// peak returns by how much the heap has grown at most until done.
func peak(done <-chan struct{}) <-chan uint64 {
	var begin runtime.MemStats
	runtime.ReadMemStats(&begin)
	most := make(chan uint64, 1)
	go func() {
		highest := begin.HeapAlloc
		for {
			select {
			case <-done:
				most <- highest - begin.HeapAlloc
				return
			case <-time.After(2 * time.Millisecond):
			}
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc)
		}
	}()
	return most
}

// TestWhatIsHeldIsBounded has many partitions that nobody takes from, with much in each.
func TestWhatIsHeldIsBounded(t *testing.T) {
	const partitions, each = 20, 4
	r := newRig(t, kafkatest.NewFake(t), partitions)
	for n := range partitions {
		for range each {
			r.Produce(t, r.topic, n, batchOf(0, strings.Repeat("x", 500<<10)))
		}
	}
	r.start()
	before := live()
	var all []*fetch.Partition
	for n := range partitions {
		all = append(all, r.f.Partition(r.topic, n, 0))
	}
	for _, p := range all { // each is looked at, and none is taken from
		if _, err := p.Peek(kafkatest.Within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if used := int64(live()) - int64(before); used > 14<<20 {
		t.Errorf("%d KiB are in memory, and 4 MiB may be held", used>>10)
	}
	for n, p := range all {
		for i := range each {
			if m := take(t, p); m.Offset != int64(i) {
				t.Fatalf("partition %d: got offset %d, want %d", n, m.Offset, i)
			}
		}
	}
}
