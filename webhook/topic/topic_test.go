package topic_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/webhook/topic"
)

func TestRecordsComeInTheOrderInWhichTheyWereAppended(t *testing.T) {
	r := newRig(t)
	before := time.Now().Truncate(time.Millisecond)
	records := []topic.Record{
		{Key: "a", Value: []byte("1")}, {Key: "b"}, {Key: "c", Value: []byte{}}, {Key: "a", Value: []byte("2")},
	}
	if err := r.Append(within(t), records); err != nil {
		t.Fatal(err)
	}
	got := r.fetch(t, 0, 0, 1<<20)
	for i := range got.Records {
		if at := got.Records[i].Time; at.Before(before) || at.After(time.Now()) {
			t.Errorf("record %d is of %v, and was appended after %v", i, at, before)
		}
		got.Records[i].Time = time.Time{}
	}
	want := topic.Chunk{Next: 4, End: 4, Records: []topic.Record{
		{Key: "a", Value: []byte("1")}, {Offset: 1, Key: "b"}, {Offset: 2, Key: "c", Value: []byte{}}, {Offset: 3, Key: "a", Value: []byte("2")},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fetched, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want.Records, records); diff != "" {
		t.Errorf("offsets of what was appended, -want +got:\n%s", diff)
	}
	if c := r.fetch(t, 2, 0, 1<<20); len(c.Records) != 2 || c.Records[0].Offset != 2 {
		t.Errorf("from the middle of a batch: %+v", c)
	}
	if start, err := r.Start(within(t)); start != 0 || err != nil || r.end(t) != 4 {
		t.Errorf("the log is from %d (%v) to %d", start, err, r.end(t))
	}
}

func TestAFetchAtTheEndWaitsItsTimeWhateverTheTimeOutOfTheClient(t *testing.T) {
	r := newRig(t)
	r.append(t, "a=1")
	const wait = 600 * time.Millisecond
	impatient := open(t, r.name, 500*time.Millisecond, r.k.Brokers...)
	begin := time.Now()
	c, err := impatient.Fetch(within(t), 1, wait, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < wait {
		t.Errorf("it waited for %v, want %v", took, wait)
	}
	if diff := cmp.Diff(topic.Chunk{Next: 1, End: 1}, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAFetchThatWaitsReturnsWhenSomethingIsAppended(t *testing.T) {
	r := newRig(t)
	fetched := make(chan topic.Chunk, 1)
	begin := time.Now()
	go func() { fetched <- r.fetch(t, 0, time.Minute, 1<<20) }()
	r.append(t, "a=1")
	c := <-fetched
	if len(c.Records) != 1 || c.Next != 1 {
		t.Errorf("fetched %+v", c)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAFetchEndsWithItsContext(t *testing.T) {
	r := newFake(t, nil)
	var open connections
	watched := topic.New(&kafka.Client{
		Addr: kafka.TCP(r.k.Brokers...), Timeout: time.Minute, Transport: &kafka.Transport{Dial: open.dial},
	}, r.name)
	arrived := make(chan struct{})
	r.k.Cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(arrived)
		return nil, nil, false
	})
	ctx, cancel := context.WithCancel(within(t))
	ended := make(chan error, 1)
	go func() {
		_, err := watched.Fetch(ctx, 0, time.Hour, 1<<20)
		ended <- err
	}()
	<-arrived
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	_ = watched.Close()
	kafkatest.WaitFor(t, func() bool { return open.Load() == 0 }) // that of the fetch is not kept for an hour
}

// connections is how many of the connections that it made are open.
type connections struct{ atomic.Int64 }

func (c *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.Add(1)
	return &counted{Conn: conn, open: c}, nil
}

type counted struct {
	net.Conn
	open *connections
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

func TestLargeRecords(t *testing.T) {
	r := newRig(t)
	value := func(size int) []byte { return bytes.Repeat([]byte("x"), size) }
	var records []topic.Record
	for range 5 {
		records = append(records, topic.Record{Key: "half", Value: value(500 << 10)})
	}
	// Kafka's own limit, 1,048,588 bytes, with what a batch and a record have beside the value
	records = append(records, topic.Record{Key: "whole", Value: value(1<<20 - 100)})
	records = append(records, topic.Record{Key: "small", Value: value(1)})
	if err := r.Append(within(t), records); err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if records[i].Offset != int64(i) {
			t.Errorf("record %d has offset %d", i, records[i].Offset)
		}
	}
	var sizes []int
	for from := int64(0); from < r.end(t); {
		c := r.fetch(t, from, 0, 1) // a record comes however large it is
		total := 0
		for _, record := range c.Records {
			sizes = append(sizes, len(record.Value))
			total += len(record.Value)
		}
		if total > 1<<20 {
			t.Errorf("%d bytes at once, and one was asked for", total)
		}
		from = c.Next
	}
	if want := []int{500 << 10, 500 << 10, 500 << 10, 500 << 10, 500 << 10, 1<<20 - 100, 1}; !slices.Equal(sizes, want) {
		t.Errorf("sizes %v, want %v", sizes, want)
	}
}

func TestARecordThatIsTooLargeIsRefused(t *testing.T) {
	r := newRig(t)
	records := []topic.Record{{Key: "a", Value: []byte("1")}, {Key: "b", Value: make([]byte, 2<<20)}, {Key: "c"}}
	err := r.Append(within(t), records)
	if !topic.IsRefusal(err) || !errors.Is(err, kafka.MessageSizeTooLarge) || !strings.Contains(err.Error(), "max.message.bytes of "+r.name) {
		t.Errorf("error %v", err)
	}
	if got := []int64{records[0].Offset, records[1].Offset, records[2].Offset}; !slices.Equal(got, []int64{0, -1, -1}) {
		t.Errorf("offsets %v: what is acknowledged has one, and nothing else", got)
	}
}

func TestAnOffsetThatTheLogDoesNotHave(t *testing.T) {
	r := newRig(t)
	r.append(t, "a=1", "b=2", "c=3")
	if _, err := r.Fetch(within(t), 4, 0, 1); !errors.Is(err, topic.ErrOutOfRange) || !errors.Is(err, kafka.OffsetOutOfRange) ||
		!strings.Contains(err.Error(), r.name+", offset 4") {
		t.Errorf("beyond the end: error %v", err)
	}
	r.truncate(t, 2)
	if start, err := r.Start(within(t)); start != 2 || err != nil {
		t.Errorf("the log starts at %d, %v", start, err)
	}
	if _, err := r.Fetch(within(t), 1, 0, 1); !errors.Is(err, topic.ErrOutOfRange) {
		t.Errorf("before the start: error %v", err)
	}
	if c := r.fetch(t, 2, 0, 1); len(c.Records) != 1 {
		t.Errorf("at the start: %+v", c)
	}
}

// truncate removes the records below an offset.
func (r *rig) truncate(t testing.TB, offset int64) {
	t.Helper()
	if r.k.Cluster != nil {
		if err := r.k.Cluster.DeleteRecords(r.name, 0, offset); err != nil {
			t.Fatal(err)
		}
		return
	}
	r.k.Set(t, r.name, "cleanup.policy", "compact,delete") // else Kafka refuses
	deleteRecords(t, r.k.Brokers, r.name, offset)
}

func TestATopicThatIsDeletedAndCreatedAgainWhileAFetchWaits(t *testing.T) {
	r := newRig(t)
	r.append(t, "a=1", "b=2")
	fetched := make(chan error, 1)
	go func() {
		_, err := r.Fetch(within(t), 2, 10*time.Second, 1)
		fetched <- err
	}()
	r.end(t) // the connections are there
	r.recreate(t)
	if err := <-fetched; err == nil {
		t.Error("the fetch that waited noticed nothing")
	} else {
		t.Log("the fetch that waited:", err)
	}
	until(t, func(ctx context.Context) error { _, err := r.End(ctx); return err })
	if end := r.end(t); end != 0 {
		t.Errorf("the new log ends at %d", end)
	}
	if _, err := r.Fetch(within(t), 2, 0, 1); !errors.Is(err, topic.ErrOutOfRange) {
		t.Errorf("a later fetch: error %v", err)
	}
}

func (r *rig) recreate(t testing.TB) {
	t.Helper()
	res, err := r.k.Client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{r.name}})
	if err != nil || res.Errors[r.name] != nil {
		t.Fatal(err, res)
	}
	until(t, func(ctx context.Context) error { // a real Kafka says that it is deleted before it is
		res, err := r.k.Client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
			{Topic: r.name, NumPartitions: 1, ReplicationFactor: 1},
		}})
		if err != nil {
			return err
		}
		return res.Errors[r.name]
	})
}

func TestATopicThatDoesNotExist(t *testing.T) {
	r := newRig(t)
	missing := open(t, r.name+".none", 5*time.Second, r.k.Brokers...)
	_, endErr := missing.End(within(t))
	_, fetchErr := missing.Fetch(within(t), 0, 0, 1)
	appendErr := missing.Append(within(t), []topic.Record{{Key: "a"}})
	for _, err := range []error{endErr, fetchErr, appendErr} {
		if !errors.Is(err, kafka.UnknownTopicOrPartition) || !strings.Contains(err.Error(), r.name+".none does not exist") {
			t.Errorf("error %v", err)
		}
	}
	if !topic.IsRefusal(appendErr) {
		t.Errorf("error %v is not one that stays", appendErr)
	}
	r.k.Create(t, r.name+".none", 1)
	until(t, func(ctx context.Context) error { // soon, not in an hour
		_, err := missing.Fetch(ctx, 0, 0, 1)
		return err
	})
}

func TestALeaderThatMoves(t *testing.T) {
	r := newFake(t, nil, kfake.NumBrokers(3))
	r.append(t, "a=1")
	ask := map[string]func(context.Context) error{
		"End":    func(ctx context.Context) error { _, err := r.End(ctx); return err },
		"Start":  func(ctx context.Context) error { _, err := r.Start(ctx); return err },
		"Fetch":  func(ctx context.Context) error { _, err := r.Fetch(ctx, 0, 0, 1); return err },
		"Append": func(ctx context.Context) error { return r.Append(ctx, []topic.Record{{Key: "b"}}) },
	}
	for name, ask := range ask {
		t.Run(name, func(t *testing.T) {
			if err := ask(within(t)); err != nil {
				t.Fatal(err)
			}
			next := (r.k.Cluster.LeaderFor(r.name, 0) + 1) % 3
			if err := r.k.Cluster.MoveTopicPartition(r.name, 0, next); err != nil {
				t.Fatal(err)
			}
			if err := ask(within(t)); !errors.Is(err, kafka.NotLeaderForPartition) {
				t.Errorf("the broker that is no longer the leader: error %v", err)
			}
			if err := ask(within(t)); err != nil {
				t.Errorf("the metadata are old: %v", err)
			}
		})
	}
}

func TestWhileKafkaIsAway(t *testing.T) {
	away := open(t, "leads.webhooks", 5*time.Second, "127.0.0.1:1", "127.0.0.1:2")
	_, endErr := away.End(within(t))
	_, fetchErr := away.Fetch(within(t), 0, time.Minute, 1)
	appendErr := away.Append(within(t), []topic.Record{{Key: "a"}})
	for _, err := range []error{endErr, fetchErr, appendErr} {
		if err == nil || topic.IsRefusal(err) || !strings.Contains(err.Error(), "127.0.0.1:1,127.0.0.1:2") || errors.Is(err, protocol.ErrNoTopic) {
			t.Errorf("error %v, want one that names both addresses and blames no topic", err)
		}
	}
}

func TestWhatCompactionLeft(t *testing.T) {
	r := newFake(t, []string{"delete.retention.ms=0"})
	for _, batch := range [][]string{{"a=1"}, {"b=1", "c=1", "d=1"}, {"a=2"}, {"d", "b=2"}, {"e=1", "a=3"}, {"b=3"}} {
		r.append(t, batch...)
	}
	r.k.Cluster.Compact()
	start, err := r.Start(within(t))
	if err != nil {
		t.Fatal(err)
	}
	// The last batch is never compacted, and so does not count against the others.
	want := []string{"2 c=1", "6 b=2", "7 e=1", "8 a=3", "9 b=3"}
	for _, maxBytes := range []int{1, 200, 1 << 20} {
		if diff := cmp.Diff(want, r.walk(t, start, maxBytes)); diff != "" {
			t.Errorf("%d bytes at once, -want +got:\n%s", maxBytes, diff)
		}
	}
}

func TestAHoleAtTheVeryEnd(t *testing.T) {
	r := newRig(t)
	r.append(t, "a=1")
	inTransaction(t, r, "b=1")
	kafkatest.WaitFor(t, func() bool { return r.end(t) == 3 }) // two records, and soon the marker of the transaction
	if diff := cmp.Diff([]string{"0 a=1", "1 b=1"}, r.walk(t, 0, 1)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(topic.Chunk{Next: 3, End: 3}, r.fetch(t, 2, time.Minute, 1)); diff != "" {
		t.Errorf("the hole, -want +got:\n%s", diff)
	}
}
