package deadletter_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap/zaptest"

	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/producer"
)

// bury puts a letter into the topic that is told by its number of attempts.
// Its record gets the time given in seconds.
func (r *rig) bury(t testing.TB, topic string, partition, attempts, seconds int) {
	t.Helper()
	record := kafka.Record{
		Time:    second(seconds),
		Key:     kafka.NewBytes(fmt.Appendf(nil, "USA_%d", attempts%2)),
		Value:   kafka.NewBytes([]byte(`{"advertiser_id":"USA_1","trigger":"new_contact","lead":{"id":77,"event_type":"call"}}`)),
		Headers: []kafka.Header{{Key: "leadhook.attempts", Value: fmt.Append(nil, attempts)}},
	}
	res, err := r.Client.Produce(t.Context(), &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(record),
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestListWaitsForPartitionsToGetALeader(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	r.bury(t, topic, 0, 1, 0)
	var asked atomic.Int64
	r.Cluster.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if asked.Add(1) > 2 {
			return nil, nil, false
		}
		r.Cluster.KeepControl()
		res := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		refused := kmsg.NewListOffsetsResponseTopicPartition()
		refused.ErrorCode = int16(kafka.NotLeaderForPartition)
		answer := kmsg.NewListOffsetsResponseTopic()
		answer.Topic, answer.Partitions = topic, []kmsg.ListOffsetsResponseTopicPartition{refused}
		res.Topics = []kmsg.ListOffsetsResponseTopic{answer}
		return res, nil, true
	})
	if got := numbers(r.list(t, topic, 10)); !slices.Equal(got, []int{1}) || asked.Load() < 3 {
		t.Errorf("got letters %v after %d requests, want the one, after two refused requests", got, asked.Load())
	}
}

// numbers are the letters, told by their attempts.
func numbers(letters []deadletter.Letter) []int {
	all := []int{}
	for _, l := range letters {
		all = append(all, l.Attempts)
	}
	return all
}

func (r *rig) list(t *testing.T, topic string, n int) []deadletter.Letter {
	t.Helper()
	letters, err := deadletter.NewReader(r.Client, topic, zaptest.NewLogger(t)).List(within(t), deadletter.Filter{}, n)
	if err != nil {
		t.Fatal(err)
	}
	return letters
}

func TestListTellsWhatALetterIs(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	letter := aLetter()
	letter.Message.Value = []byte(`{"advertiser_id":"USA_332240","trigger":"new_contact","lead":{"id":9007199254740993,"event_type":"call"}}`)
	if err := producer.NewDeadLetters(publisher(t, r, zaptest.NewLogger(t)), topic).Bury(within(t), letter); err != nil {
		t.Fatal(err)
	}
	want := deadletter.Letter{DeadLetter: *letter, LeadID: "9007199254740993", Size: len(letter.Message.Value), Partition: 2}
	want.Message.Key, want.Message.Value, want.Message.Time = []byte("USA_332240"), nil, letter.Received
	got := r.list(t, topic, 10)
	if diff := cmp.Diff([]deadletter.Letter{want}, got, cmpopts.IgnoreFields(deadletter.Letter{}, "Buried")); diff != "" {
		t.Fatalf("letters, -want +got:\n%s", diff)
	}
	if age := time.Since(got[0].Buried); age < -time.Minute || age > time.Minute {
		t.Errorf("buried at %v, want now", got[0].Buried)
	}
}

func TestListIsTheNewestOfAllPartitions(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 5) // one stays empty
	for i := range 400 {
		partition := i % 3
		if i == 120 {
			partition = 3
		}
		r.bury(t, topic, partition, i+1, i)
	}
	for _, n := range []int{0, 1, 7, 150, 400, 1000} {
		want := []int{}
		for i := 400; i > max(0, 400-n); i-- {
			want = append(want, i)
		}
		if got := numbers(r.list(t, topic, n)); !slices.Equal(got, want) {
			t.Errorf("newest %d: %v, want %v", n, got, want)
		}
	}
}

func TestListReadsNotTheWholeTopic(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	for i := range 1000 {
		r.bury(t, topic, 0, i+1, i)
	}
	var first atomic.Int64
	first.Store(1000)
	r.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1, When: func(req kmsg.Request) bool {
		first.Store(min(first.Load(), req.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset))
		return true
	}})
	r.list(t, topic, 5)
	if got := first.Load(); got != 985 {
		t.Errorf("read from offset %d on, want 985: five letters, and ten that are older than all of them", got)
	}
}

// deleteBefore does what retention does.
func (r *rig) deleteBefore(t *testing.T, topic string, partition int, offset int64) {
	t.Helper()
	if err := r.Cluster.DeleteRecords(topic, int32(partition), offset); err != nil {
		t.Fatal(err)
	}
}

func TestListAcrossGaps(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 2, "cleanup.policy=compact", "min.cleanable.dirty.ratio=0", "min.compaction.lag.ms=0")
	for i := range 50 {
		r.bury(t, topic, 0, i+1, i)
	}
	r.Cluster.Compact() // keeps the last letter of each key, and the newest of all untouched
	for i := range 3 {
		r.bury(t, topic, 1, 101+i, 1000+i)
	}
	r.deleteBefore(t, topic, 1, 2)
	got := numbers(r.list(t, topic, 10))
	if want := []int{103, 50, 49, 48}; !slices.Equal(got, want) {
		t.Errorf("letters %v, want %v", got, want)
	}
}

// mark writes the end of an empty transaction to partition 0: it takes an
// offset and is no record.
func (r *rig) mark(t *testing.T, topic string) {
	t.Helper()
	const partition = 0
	id := topicName()
	var producer *kafka.ProducerSession
	waitFor(t, func() bool { // until a real Kafka has its coordinator
		res, err := r.Client.InitProducerID(t.Context(), &kafka.InitProducerIDRequest{
			TransactionalID: id, TransactionTimeoutMs: 10000, ProducerID: -1, ProducerEpoch: -1,
		})
		if err != nil || res.Error != nil {
			return false
		}
		producer = res.Producer
		return true
	})
	added, err := r.Client.AddPartitionsToTxn(t.Context(), &kafka.AddPartitionsToTxnRequest{
		TransactionalID: id, ProducerID: producer.ProducerID, ProducerEpoch: producer.ProducerEpoch,
		Topics: map[string][]kafka.AddPartitionToTxn{topic: {{Partition: partition}}},
	})
	if err != nil || added.Topics[topic][0].Error != nil {
		t.Fatal(err, added)
	}
	before := r.End(t, topic, partition)
	ended, err := r.Client.EndTxn(t.Context(), &kafka.EndTxnRequest{
		TransactionalID: id, ProducerID: producer.ProducerID, ProducerEpoch: producer.ProducerEpoch, Committed: true,
	})
	if err != nil || ended.Error != nil {
		t.Fatal(err, ended)
	}
	waitFor(t, func() bool { return r.End(t, topic, partition) == before+1 })
}

func TestOffsetsWithoutRecords(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 1)
	r.bury(t, topic, 0, 1, 1)
	r.mark(t, topic)
	r.mark(t, topic)
	if got := numbers(r.list(t, topic, 2)); !slices.Equal(got, []int{1}) {
		t.Errorf("letters %v, want the one", got)
	}
	next, stop := pull(t, deadletter.NewReader(r.Client, topic, zaptest.NewLogger(t)).Tail(within(t), deadletter.Filter{}, 1))
	defer stop()
	if got := next(); got != 1 {
		t.Errorf("tail yielded %d, want 1", got)
	}
	r.mark(t, topic)
	r.bury(t, topic, 0, 2, 2)
	if got := next(); got != 2 {
		t.Errorf("tail yielded %d, want 2", got)
	}
}

func TestReadingWhatIsNotThere(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 1) + ".dlq"
	for name, c := range map[string]struct {
		rig  *rig
		want string
	}{
		"no topic": {r, topic + " does not exist"},
		"no Kafka": {connect(t, "127.0.0.1:1"), "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			reader := deadletter.NewReader(c.rig.Client, topic, zaptest.NewLogger(t))
			_, err := reader.List(within(t), deadletter.Filter{}, 1)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("List: %v, want an error with %q", err, c.want)
			}
			yielded := 0
			for _, err = range reader.Tail(within(t), deadletter.Filter{}, 1) {
				yielded++
			}
			if yielded != 1 || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Tail: %d times, %v, want an error with %q once", yielded, err, c.want)
			}
		})
	}
}

func TestLettersWithoutAnythingReadable(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 1)
	p := publisher(t, r, zaptest.NewLogger(t))
	records := []producer.Record{
		{Topic: topic, Value: []byte("by hand"), Headers: []lead.Header{{Key: "leadhook.attempts", Value: []byte{0xff}}}},
		{Topic: topic},
	}
	if err := errors.Join(p.PublishAll(within(t), records)...); err != nil {
		t.Fatal(err)
	}
	got := r.list(t, topic, 10)
	if len(got) != 2 || got[0].Size+got[1].Size != len("by hand") {
		t.Errorf("letters %+v, want two with 7 bytes together", got)
	}
}
