package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/leadhook/leadhook/consumer"
	"github.com/leadhook/leadhook/lead"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a topic on a broker: the real one named by LEADHOOK_TEST_KAFKA, or
// an embedded one.
type rig struct {
	t          testing.TB
	addr       string
	topic      string
	group      string
	partitions int
	client     *kafka.Client
	embedded   *kfake.Cluster // nil: the broker is a real one
}

var rigs atomic.Int64

func newRig(t testing.TB, partitions int) *rig {
	t.Helper()
	if addr := os.Getenv("LEADHOOK_TEST_KAFKA"); addr != "" {
		return connect(t, &rig{t: t, addr: addr, partitions: partitions})
	}
	return newEmbeddedRig(t, partitions)
}

// newEmbeddedRig is for what only the embedded broker can be told to do.
func newEmbeddedRig(t testing.TB, partitions int) *rig {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return connect(t, &rig{t: t, addr: cluster.ListenAddrs()[0], embedded: cluster, partitions: partitions})
}

func connect(t testing.TB, r *rig) *rig {
	t.Helper()
	r.topic = fmt.Sprintf("consumer-test-%d-%d", time.Now().UnixNano(), rigs.Add(1))
	r.group = r.topic
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &kafka.Client{Addr: kafka.TCP(r.addr), Transport: transport}
	r.createTopic()
	return r
}

func (r *rig) createTopic() {
	r.t.Helper()
	resp, err := r.client.CreateTopics(r.t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: r.topic, NumPartitions: r.partitions, ReplicationFactor: 1}}})
	if err := errors.Join(err, resp.Errors[r.topic]); err != nil {
		r.t.Fatal(err)
	}
	r.until("the topic exists", func() bool {
		meta, err := r.client.Metadata(r.t.Context(), &kafka.MetadataRequest{Topics: []string{r.topic}})
		return err == nil && len(meta.Topics) == 1 && len(meta.Topics[0].Partitions) == r.partitions
	})
}

// put publishes n messages "first", "first+1", … dealt out over the partitions.
func (r *rig) put(first, n int) {
	r.t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{Addr: kafka.TCP(r.addr), Transport: transport, Topic: r.topic, RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond, Balancer: &kafka.RoundRobin{}, MaxAttempts: 20}
	defer w.Close()
	msgs := make([]kafka.Message, n)
	for i := range msgs {
		msgs[i] = kafka.Message{Value: []byte(strconv.Itoa(first + i))}
	}
	if err := w.WriteMessages(r.t.Context(), msgs...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) options() consumer.Options {
	return consumer.Options{
		Brokers: []string{r.addr}, Dialer: &kafka.Dialer{Timeout: 5 * time.Second}, Client: r.client,
		Group: r.group, Topics: []string{r.topic},
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 10 * time.Second, HeartbeatInterval: 200 * time.Millisecond,
		FetchMaxBytes: 1 << 20, MaxRecordBytes: 4 << 20, CommitInterval: 20 * time.Millisecond,
		OpenEvents: 1000, OpenBytes: 8 << 20, StuckAfter: time.Minute,
	}
}

// start runs a consumer; the returned function stops it and waits for its end.
func (r *rig) start(opts consumer.Options, h consumer.Handler) (c *consumer.Consumer, stop func()) {
	return r.startWith(prometheus.NewRegistry(), opts, h)
}

func (r *rig) startWith(reg prometheus.Registerer, opts consumer.Options, h consumer.Handler) (c *consumer.Consumer, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	c = consumer.New(opts, h, reg, zaptest.NewLogger(r.t))
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				r.t.Errorf("Run: %v", err)
			}
		})
	}
	r.t.Cleanup(stop)
	return c, stop
}

// committed is what the group has committed, summed over the partitions.
func (r *rig) committed() int64 {
	r.t.Helper()
	var all []int
	for n := range r.partitions {
		all = append(all, n)
	}
	resp, err := r.client.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{
		GroupID: r.group, Topics: map[string][]int{r.topic: all}})
	if err != nil {
		return -1
	}
	var sum int64
	for _, p := range resp.Topics[r.topic] {
		sum += max(0, p.CommittedOffset)
	}
	return sum
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			r.t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type handler func(ctx context.Context, m *lead.Message) error

func (h handler) Handle(ctx context.Context, m *lead.Message, _ func(int)) error { return h(ctx, m) }

// A tally counts how often each message was settled.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
}

func newTally() *tally { return &tally{seen: map[string]int{}} }

func (c *tally) Handle(_ context.Context, m *lead.Message, _ func(int)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[string(m.Value)]++
	return nil
}

func (c *tally) different() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

func (c *tally) twice() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.seen {
		n += times - 1
	}
	return n
}

func TestEveryMessageIsHandledOnceAndCommitted(t *testing.T) {
	r := newRig(t, 4)
	const n = 5000
	r.put(0, n)
	seen := newTally()
	c, stop := r.start(r.options(), seen)
	r.until("all are committed", func() bool { return r.committed() == n })
	if err := c.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	stop()
	if seen.different() != n || seen.twice() != 0 {
		t.Errorf("%d of %d handled, %d twice", seen.different(), n, seen.twice())
	}
	if got := r.committed(); got != n {
		t.Errorf("committed %d of %d", got, n)
	}
}

func TestOnlyTheSettledPrefixIsCommitted(t *testing.T) {
	r := newRig(t, 1)
	const n, hanging = 100, "40"
	r.put(0, n)
	release := make(chan struct{})
	var settled atomic.Int64
	_, stop := r.start(r.options(), handler(func(_ context.Context, m *lead.Message) error {
		if string(m.Value) == hanging {
			<-release
		}
		settled.Add(1)
		return nil
	}))
	r.until("all but one are settled", func() bool { return settled.Load() == n-1 })
	r.until("the prefix is committed", func() bool { return r.committed() == 40 })
	close(release)
	r.until("all are committed", func() bool { return r.committed() == n })
	stop()
}

func TestWhatIsNotSettledAtTheStopIsReadAgain(t *testing.T) {
	r := newRig(t, 1)
	const n, waiting = 50, "20"
	r.put(0, n)
	var others atomic.Int64
	_, stop := r.start(r.options(), handler(func(ctx context.Context, m *lead.Message) error {
		if string(m.Value) == waiting {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		others.Add(1)
		return nil
	}))
	r.until("the others are settled", func() bool { return others.Load() == n-1 })
	stop()
	if got := r.committed(); got != 20 {
		t.Fatalf("committed %d with message 20 not settled", got)
	}
	seen := newTally()
	_, stop = r.start(r.options(), seen)
	r.until("all are committed", func() bool { return r.committed() == n })
	stop()
	if got := seen.different(); got != 30 {
		t.Errorf("%d messages read again, want the 30 from number 20 on", got)
	}
}

func TestWhatIsHandedOverAtTheStopIsCommitted(t *testing.T) {
	r := newRig(t, 1)
	r.put(0, 1)
	begun := make(chan struct{})
	opts := r.options()
	var handedOver, written atomic.Bool
	opts.BeforeLastCommit = func(context.Context) error {
		written.Store(handedOver.Load() && r.committed() == 0)
		return nil
	}
	_, stop := r.start(opts, handler(func(ctx context.Context, _ *lead.Message) error {
		close(begun)
		<-ctx.Done()
		handedOver.Store(true)
		return nil
	}))
	<-begun
	stop()
	if got := r.committed(); got != 1 {
		t.Errorf("committed %d, want 1: the message was handed over", got)
	}
	if !written.Load() {
		t.Error("BeforeLastCommit was not called between the hand-over and the commit")
	}
}

func TestAStopWaitsLongerForWhatSettles(t *testing.T) {
	t.Parallel() // it takes its time
	// waits returns how long a stop waits for a message that hangs beside others
	// that settle one after the other.
	waits := func(others int) time.Duration {
		r := newRig(t, 1)
		r.put(0, 1+others)
		stopping, cut := make(chan struct{}), make(chan time.Time, 1)
		var begun atomic.Int64
		_, stop := r.start(r.options(), handler(func(ctx context.Context, m *lead.Message) error {
			n := begun.Add(1)
			if string(m.Value) == "0" {
				<-ctx.Done()
				cut <- time.Now()
				return nil
			}
			<-stopping
			time.Sleep(time.Duration(n) * 10 * time.Millisecond) // its CRM takes so long
			return nil
		}))
		r.until("all have begun", func() bool { return begun.Load() == int64(1+others) })
		began := time.Now()
		close(stopping)
		stop()
		return (<-cut).Sub(began)
	}
	settling := waits(20)
	for range 5 { // a busy machine may be late several times
		if alone := waits(0); alone < settling {
			return
		}
	}
	t.Errorf("a stop waited %v beside 20 messages that settled, and never less beside none", settling)
}

func TestTheStopWaitsForTheHandler(t *testing.T) {
	r := newRig(t, 1)
	r.put(0, 1)
	begun, finish := make(chan struct{}), make(chan struct{})
	_, stop := r.start(r.options(), handler(func(context.Context, *lead.Message) error {
		close(begun)
		<-finish
		return nil
	}))
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Error("stopped while a message was being handled")
	case <-time.After(1500 * time.Millisecond): // longer than the partition is held
	}
	close(finish)
	<-stopped
}

func TestTheBudgetBoundsWhatIsOpen(t *testing.T) {
	r := newRig(t, 3)
	r.put(0, 500)
	opts := r.options()
	opts.OpenEvents = 10
	var open, most atomic.Int64
	_, stop := r.start(opts, handler(func(context.Context, *lead.Message) error {
		if n := open.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(time.Millisecond) // an attempt takes a while
		open.Add(-1)
		return nil
	}))
	r.until("all are committed", func() bool { return r.committed() == 500 })
	stop()
	if got := most.Load(); got > 10 {
		t.Errorf("%d messages open at once, want 10 at most", got)
	}
}

func TestAMessageLargerThanTheWholeBudgetPasses(t *testing.T) {
	r := newRig(t, 1)
	r.put(0, 20)
	opts := r.options()
	opts.OpenBytes = 100
	_, stop := r.start(opts, newTally())
	r.until("all are committed", func() bool { return r.committed() == 20 })
	stop()
}

func TestMembersComeAndGoWhileMessagesFlow(t *testing.T) {
	r := newRig(t, 6)
	const n = 20_000
	seen := newTally()
	slow := handler(func(ctx context.Context, m *lead.Message) error {
		time.Sleep(time.Millisecond) // so that messages are open at each rebalance
		return seen.Handle(ctx, m, nil)
	})
	_, stopFirst := r.start(r.options(), slow)
	go func() {
		for i := 0; i < n; i += n / 10 {
			r.put(i, n/10)
		}
	}()
	for round := range 3 {
		goal := n * (round + 1) / 4
		_, stop := r.start(r.options(), slow)
		r.until("a quarter more is seen", func() bool { return seen.different() >= goal })
		stop()
	}
	r.until("all are committed", func() bool { return r.committed() == n })
	stopFirst()
	if got := seen.different(); got != n {
		t.Errorf("%d of %d handled", got, n)
	}
	if got := seen.twice(); got != 0 {
		t.Errorf("%d handled twice in orderly rebalances, want 0", got)
	}
}

func TestAStuckPartitionIsNotReady(t *testing.T) {
	r := newRig(t, 1)
	r.put(0, 1)
	opts := r.options()
	opts.StuckAfter = 50 * time.Millisecond
	release := make(chan struct{})
	c, stop := r.start(opts, handler(func(context.Context, *lead.Message) error { <-release; return nil }))
	r.until("it says that it is stuck", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), "is stuck") && strings.Contains(err.Error(), "offset 0")
	})
	close(release)
	r.until("it is ready again", func() bool { return c.Ready() == nil })
	stop()
}

func TestATopicMadeAgainIsReadFromItsBeginning(t *testing.T) {
	t.Parallel() // it takes its time
	r := newRig(t, 1)
	r.put(0, 30)
	_, stop := r.start(r.options(), newTally())
	r.until("all are committed", func() bool { return r.committed() == 30 })
	stop()
	if _, err := r.client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{r.topic}}); err != nil {
		t.Fatal(err)
	}
	r.until("the topic is gone", func() bool {
		meta, err := r.client.Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{r.topic}})
		return err == nil && (len(meta.Topics) == 0 || meta.Topics[0].Error != nil)
	})
	r.createTopic()
	if _, err := r.client.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{GroupID: r.group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{r.topic: {{Partition: 0, Offset: 30}}}}); err != nil {
		t.Fatal(err)
	}
	r.put(100, 10)
	seen := newTally()
	_, stop = r.start(r.options(), seen)
	r.until("the ten new ones are seen", func() bool { return seen.different() == 10 })
	stop()
}

// An exchanger stands between a client and its broker.
type exchanger func(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error)

func (e exchanger) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	return e(ctx, addr, req)
}

func asksForEnds(req kafka.Request) bool {
	const latest = -1
	asked, ok := req.(*listoffsets.Request)
	return ok && asked.Topics[0].Partitions[0].Timestamp == latest
}

func TestALogThatGrowsWhileItIsMeasuredIsNotTakenForANewOne(t *testing.T) {
	t.Parallel() // it takes its time
	r := newRig(t, 1)
	r.put(0, 10)
	var reading, grown atomic.Bool
	opts := r.options()
	opts.Client = &kafka.Client{Addr: r.client.Addr, Transport: exchanger(
		func(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
			resp, err := r.client.Transport.RoundTrip(ctx, addr, req)
			if asksForEnds(req) && reading.Load() && !grown.Load() {
				r.put(10, 10)
				r.until("what was added is committed", func() bool { return r.committed() == 20 })
				grown.Store(true)
			}
			return resp, err
		})}
	released := make(chan struct{})
	var once sync.Once
	opts.BeforeLastCommit = func(context.Context) error { // called at the end of each generation
		once.Do(func() { close(released) })
		return nil
	}
	_, stop := r.start(opts, newTally())
	r.until("all are committed", func() bool { return r.committed() == 10 })
	reading.Store(true)
	r.until("the log has grown under the measuring", grown.Load)
	r.put(20, 10)
	r.until("all are committed", func() bool { return r.committed() == 30 })
	select {
	case <-released:
		t.Error("the partition was given up, want it read on")
	default:
	}
	stop()
}

func TestKafkaIsWaitedForAtTheStart(t *testing.T) {
	r := newRig(t, 1)
	opts := r.options()
	opts.Brokers = []string{"127.0.0.1:1"}
	c, stop := r.start(opts, newTally())
	r.until("it says why it does not read", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), "127.0.0.1:1")
	})
	stop()
}
