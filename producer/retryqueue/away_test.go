package retryqueue_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/producer/retryqueue"
	"github.com/leadhook/leadhook/topics"
)

// A bubble is a cluster and a queue in virtual time.
type bubble struct {
	cluster *kfake.Cluster
	queue   *retryqueue.Queue
	publish *producer.Publisher
}

// inBubble runs f with the topics of all delays, each with two partitions.
func inBubble(t *testing.T, opts producer.Options, f func(t *testing.T, b bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		names := make([]string, len(delays))
		for i, delay := range delays {
			names[i] = topics.RetryName("leads", delay)
		}
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.SeedTopics(2, names...),
			kfake.ListenFn(network.Listen))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		transport := &kafka.Transport{Dial: network.DialContext}
		defer transport.CloseIdleConnections()
		opts.Brokers, opts.Transport = []string{"127.0.0.1:9092"}, transport
		p := producer.NewPublisher(opts, nil, zap.NewNop())
		defer p.Close()
		f(t, bubble{cluster, retryqueue.New(p, "leads", delays, nil), p})
	})
}

// ends returns how many records partition 1 has in the topic of each delay.
func (b bubble) ends() []int64 {
	ends := make([]int64, len(delays))
	for i, delay := range delays {
		ends[i] = b.cluster.PartitionInfo(topics.RetryName("leads", delay), 1).HighWatermark
	}
	return ends
}

// schedule schedules n deliveries of a partition at the same time, and returns how long
// each took.
func (b bubble) schedule(t *testing.T, n, partition int, wait time.Duration) []time.Duration {
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			began := time.Now()
			d := aWaiting("leads")
			d.Message.Partition, d.NotBefore = partition, began.Add(wait)
			if err := b.queue.Schedule(t.Context(), d); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(began))
		})
	}
	wg.Wait()
	slices.Sort(took)
	return took
}

// noReplicas has partition 1 of a topic refuse all records, and look as if it did.
func (b bubble) noReplicas(topic string) *kfake.FaultHandle {
	return b.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce, kmsg.ListOffsets}, Topic: topic, Partitions: []int32{1}, Err: kerr.NotEnoughReplicas, Count: -1,
	})
}

func want(t *testing.T, what string, got, want []int64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: the topics have %d records, want %d", what, got, want)
	}
}

func TestAPartitionThatIsAwayHoldsUpNothing(t *testing.T) {
	inBubble(t, producer.Options{}, func(t *testing.T, b bubble) {
		fault := b.noReplicas("leads.retry.5m")
		if took := b.schedule(t, 100, 0, 5*time.Minute); took[99] > time.Second {
			t.Errorf("the partition beside it took %v, want no longer than ever", took[99])
		}
		if took := b.schedule(t, 100, 1, 5*time.Minute); took[99] > 10*time.Second {
			t.Errorf("it took %v until the last delivery went to another topic, want seconds", took[99])
		}
		if took := b.schedule(t, 100, 1, 5*time.Minute); took[98] > time.Second {
			t.Errorf("it took %v once it was known that the partition is away, want no time", took[98])
		}
		want(t, "while it is away", b.ends(), []int64{0, 200, 0, 0, 0, 0})
		fault.Remove()
		b.schedule(t, 1, 1, 5*time.Minute) // finds out that it is back
		b.schedule(t, 100, 1, 5*time.Minute)
		want(t, "when it is back", b.ends(), []int64{0, 200, 101, 0, 0, 0})
	})
}

func TestAShortWaitGoesToALongerTopic(t *testing.T) {
	inBubble(t, producer.Options{}, func(t *testing.T, b bubble) {
		b.noReplicas("leads.retry.10s")
		b.schedule(t, 10, 1, 10*time.Second)
		want(t, "without the shortest", b.ends(), []int64{0, 10, 0, 0, 0, 0})
	})
}

func TestOnlySoMuchWaitsForAPartition(t *testing.T) {
	inBubble(t, producer.Options{OpenRecords: 160}, func(t *testing.T, b bubble) {
		b.noReplicas("leads.retry.1m")
		b.schedule(t, 1, 1, 5*time.Second) // connects
		go b.schedule(t, 1, 1, time.Minute)
		time.Sleep(200 * time.Millisecond)
		took := b.schedule(t, 50, 1, time.Minute)
		if waited := len(took) - countBelow(took, 2*time.Second); waited != 9 { // and the first
			t.Errorf("%d of 50 waited beside the first, want a sixteenth of 160 in all", waited)
		}
	})
}

func TestAPartitionThatDoesNotAnswerIsBounded(t *testing.T) {
	inBubble(t, producer.Options{OpenRecords: 160}, func(t *testing.T, b bubble) {
		b.cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			b.cluster.KeepControl()
			return nil, nil, req.(*kmsg.ProduceRequest).Topics[0].Topic == "leads.retry.1m"
		})
		go b.schedule(t, 1, 1, time.Minute)
		time.Sleep(2 * time.Second)
		took := b.schedule(t, 50, 1, time.Minute)
		if waited := len(took) - countBelow(took, 2*time.Second); waited != 9 {
			t.Errorf("%d of 50 waited beside the first, want a sixteenth of 160 in all", waited)
		}
		want(t, "in the end", b.ends(), []int64{51, 0, 0, 0, 0, 0})
	})
}

func TestADeliveryThatNoTopicTakesWaits(t *testing.T) {
	inBubble(t, producer.Options{}, func(t *testing.T, b bubble) {
		var faults []*kfake.FaultHandle
		for _, delay := range delays {
			faults = append(faults, b.noReplicas(topics.RetryName("leads", delay)))
		}
		time.AfterFunc(time.Hour, faults[1].Remove)
		if took := b.schedule(t, 100, 1, 5*time.Minute); took[0] < time.Hour || took[99] > time.Hour+30*time.Second {
			t.Errorf("deliveries waited for %v to %v, want until one topic was back after an hour", took[0], took[99])
		}
		want(t, "when one is back", b.ends(), []int64{0, 100, 0, 0, 0, 0})
		if b.publish.Ready() == nil {
			t.Error("Ready returns nil while partitions are away")
		}
	})
}

func countBelow(sorted []time.Duration, limit time.Duration) int {
	n, _ := slices.BinarySearch(sorted, limit)
	return n
}

// What no topic takes must not fill the memory of the service: no more is to be begun then.
func TestAPartitionThatNoTopicTakesIsFull(t *testing.T) {
	const share = 10 // an eighth of what is open
	inBubble(t, producer.Options{OpenRecords: 8 * share}, func(t *testing.T, b bubble) {
		var faults []*kfake.FaultHandle
		for _, delay := range delays {
			faults = append(faults, b.noReplicas(topics.RetryName("leads", delay)))
		}
		var done sync.WaitGroup
		done.Go(func() { b.schedule(t, share, 1, 5*time.Minute) })
		for range 60 {
			time.Sleep(time.Second)
			if b.publish.Full(1) {
				t.Error("it is full with no more than its share")
			}
		}
		done.Go(func() { b.schedule(t, 1, 1, 5*time.Minute) })
		full := 0
		for range 60 {
			time.Sleep(time.Second)
			if b.publish.Full(1) { // but while one of them goes from one topic to the next
				full++
			}
		}
		if full < 40 {
			t.Errorf("it was full for %d of 60 seconds with more than its share", full)
		}
		if b.publish.Full(0) {
			t.Error("the other partition is full too")
		}
		for _, fault := range faults {
			fault.Remove()
		}
		done.Wait()
		if b.publish.Full(1) {
			t.Error("it is still full although all of it was taken")
		}
	})
}
