package consumer_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/consumer"
	"github.com/leadhook/leadhook/lead"
)

// kept are watermarks in memory. With used, something was delivered before.
type kept struct {
	used bool

	mu    sync.Mutex
	marks map[string]map[int]string
	err   error
}

func (k *kept) Load(_ context.Context, topic string) (map[int]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.marks[topic]), k.err
}

// on returns the marks of a topic, to be changed. The caller holds mu.
func (k *kept) on(topic string) map[int]string {
	if k.marks == nil {
		k.marks = map[string]map[int]string{}
	}
	if k.marks[topic] == nil {
		k.marks[topic] = map[int]string{}
	}
	return k.marks[topic]
}

func (k *kept) Store(_ context.Context, topic string, marks map[int]string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.Copy(k.on(topic), marks)
	return k.err
}

func (k *kept) Add(_ context.Context, topic string, partitions []int, mark string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.on(topic)
	for _, n := range partitions {
		if _, has := of[n]; !has {
			of[n] = mark
		}
	}
	return k.err
}

func (k *kept) AnyMarks(context.Context) (bool, error) { return k.used, nil }

// of returns how many partitions of a topic have a watermark with a text in it.
func (k *kept) of(topic, text string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, mark := range k.marks[topic] {
		if strings.Contains(mark, text) {
			n++
		}
	}
	return n
}

// putAt publishes n messages to one partition, stamped so long ago.
func (r *rig) putAt(age time.Duration, partition, first, n int) {
	r.t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{Addr: kafka.TCP(r.addr), Transport: transport, Topic: r.topic, RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond, MaxAttempts: 20, Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return partition })}
	defer w.Close()
	msgs := make([]kafka.Message, n)
	for i := range msgs {
		msgs[i] = kafka.Message{Value: []byte(strconv.Itoa(first + i)), Time: time.Now().Add(-age)}
	}
	if err := w.WriteMessages(r.t.Context(), msgs...); err != nil {
		r.t.Fatal(err)
	}
}

// note returns what the group noted with its commit of partition 0.
func (r *rig) note() string {
	r.t.Helper()
	resp, err := r.client.OffsetFetch(r.t.Context(), &kafka.OffsetFetchRequest{GroupID: r.group, Topics: map[string][]int{r.topic: {0}}})
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.Topics[r.topic][0].Metadata
}

// commit commits an offset of partition 0 for the group, while it has no members.
func (r *rig) commit(offset int64, note string) {
	r.t.Helper()
	if _, err := r.client.OffsetCommit(r.t.Context(), &kafka.OffsetCommitRequest{GroupID: r.group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{r.topic: {{Partition: 0, Offset: offset, Metadata: note}}}}); err != nil {
		r.t.Fatal(err)
	}
}

// recreate deletes the topic and makes it again. What the group committed stays, as it
// does on some brokers.
func (r *rig) recreate(committed int64, note string) {
	r.t.Helper()
	if _, err := r.client.DeleteTopics(r.t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{r.topic}}); err != nil {
		r.t.Fatal(err)
	}
	r.until("the topic is gone", func() bool {
		meta, err := r.client.Metadata(r.t.Context(), &kafka.MetadataRequest{Topics: []string{r.topic}})
		return err == nil && (len(meta.Topics) == 0 || meta.Topics[0].Error != nil)
	})
	r.createTopic()
	r.commit(committed, note)
}

// handled runs a consumer until all is committed, and returns what it handled.
func (r *rig) handled(opts consumer.Options, want int64) *tally {
	r.t.Helper()
	seen := newTally()
	c, stop := r.start(opts, seen)
	r.until("all are committed", func() bool { return r.committed() == want && c.Ready() == nil })
	stop()
	return seen
}

// began runs a consumer before anything is published.
func (r *rig) began(opts consumer.Options, marks *kept) {
	r.t.Helper()
	_, stop := r.start(opts, newTally())
	r.until("a watermark is kept", func() bool { return marks.of(r.topic, `"offset":0`) == 1 })
	stop()
}

func TestAnotherGroupBeginsAnHourBeforeWhatWasSettled(t *testing.T) {
	r := newRig(t, 1)
	opts := r.options()
	marks := &kept{used: true}
	opts.Watermarks = marks
	r.began(opts, marks)
	r.putAt(5*time.Hour, 0, 0, 10)
	r.putAt(2*time.Hour, 0, 10, 10)
	if n := r.handled(opts, 20).different(); n != 20 {
		t.Fatalf("%d of 20 handled", n)
	}
	r.putAt(time.Hour, 0, 20, 5)
	r.group += "-another"
	opts.Group = r.group
	seen := r.handled(opts, 25)
	if n := seen.different(); n != 15 || seen.seen["10"] != 1 || seen.seen["24"] != 1 {
		t.Errorf("another group handled %d messages, want the 5 new ones and 10 of the hour before: %v", n, seen.seen)
	}
}

func TestALogThatLostItsEndIsReadFromAnHourBefore(t *testing.T) {
	t.Parallel() // it takes its time
	r := newRig(t, 1)
	opts := r.options()
	r.putAt(5*time.Hour, 0, 0, 10)
	r.putAt(2*time.Hour, 0, 10, 10)
	r.handled(opts, 20)
	note := r.note()
	if !strings.Contains(note, `"offset":20`) {
		t.Fatalf("the commit's note is %q", note)
	}
	r.commit(21, strings.Replace(note, `"offset":20`, `"offset":21`, 1)) // the log ends one before it
	seen := r.handled(opts, 20)
	if n := seen.different(); n != 10 || seen.seen["10"] != 1 {
		t.Errorf("%d messages handled again, want the 10 of the last hour: %v", n, seen.seen)
	}
}

func TestALogThatLostItsEndIsNotReadAgainIfItWasIdle(t *testing.T) {
	t.Parallel() // it takes its time
	r := newRig(t, 1)
	opts := r.options()
	opts.Retention = 12 * time.Second // so that a second before is enough
	r.putAt(0, 0, 0, 10)
	_, stop := r.start(opts, newTally())
	r.until("all are committed", func() bool { return r.committed() == 10 })
	first := r.note()
	r.until("it is noted that nothing else came", func() bool {
		return r.note() > first && strings.Contains(r.note(), `"offset":10`) && later(t, r.note(), first)
	})
	stop()
	r.commit(11, strings.Replace(r.note(), `"offset":10`, `"offset":11`, 1))
	if n := r.handled(opts, 10).different(); n != 0 {
		t.Errorf("%d messages handled again, want none", n)
	}
}

// later reports whether the time in a note is at least five seconds after that in another.
func later(t *testing.T, note, than string) bool {
	t.Helper()
	at := func(note string) time.Time {
		_, rest, _ := strings.Cut(note, `"time":"`)
		text, _, _ := strings.Cut(rest, `"`)
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatalf("in %q: %v", note, err)
		}
		return parsed
	}
	return at(note).Sub(at(than)) > 5*time.Second
}

func TestARecreatedTopicIsReadEvenIfItIsLonger(t *testing.T) {
	r := newRig(t, 1)
	opts := r.options()
	r.putAt(time.Minute, 0, 0, 20)
	r.handled(opts, 20)
	r.recreate(20, r.note())
	r.putAt(0, 0, 100, 30)
	seen := r.handled(opts, 30)
	if n := seen.different(); n != 30 || seen.seen["100"] != 1 {
		t.Errorf("%d messages of the new log handled, want 30", n)
	}
}

func TestALogThatLostItsEndIsRecognisedWhenItHasGrownAgain(t *testing.T) {
	r := newEmbeddedRig(t, 1)
	opts := r.options()
	r.putAt(5*time.Hour, 0, 0, 10)
	r.putAt(0, 0, 10, 10)
	r.handled(opts, 20)
	note := r.note()
	if err := r.embedded.MoveTopicPartition(r.topic, 0, 0); err != nil { // begins another epoch
		t.Fatal(err)
	}
	r.putAt(0, 0, 20, 10)
	// The leader before had five records more, which were settled.
	r.commit(25, strings.NewReplacer(`"offset":20`, `"offset":25`, `"epochTo":20`, `"epochTo":25`).Replace(note))
	seen := r.handled(opts, 30)
	if n := seen.different(); n != 20 || seen.seen["20"] != 1 {
		t.Errorf("%d messages handled, want the 10 of the last hour and the 10 of the new leader: %v", n, seen.seen)
	}
}

func TestARecreatedTopicIsReadByAnotherGroup(t *testing.T) {
	r := newRig(t, 1)
	opts := r.options()
	marks := &kept{used: true}
	opts.Watermarks = marks
	r.began(opts, marks)
	r.putAt(0, 0, 0, 20)
	r.handled(opts, 20)
	r.recreate(20, r.note())
	r.group += "-another"
	r.putAt(0, 0, 100, 10)
	opts.Group = r.group
	if n := r.handled(opts, 10).different(); n != 10 {
		t.Errorf("%d messages of the new log handled, want 10", n)
	}
}

func TestWhereNothingIsKnownTheOperatorSays(t *testing.T) {
	for start, want := range map[string]int{
		consumer.StartEarliest: 20, consumer.StartLatest: 0, time.Now().Add(-3 * time.Hour).Format(time.RFC3339): 10,
	} {
		r := newRig(t, 1)
		r.putAt(5*time.Hour, 0, 0, 10)
		r.putAt(2*time.Hour, 0, 10, 10)
		opts := r.options()
		opts.Watermarks = &kept{used: true}
		c, stop := r.start(opts, newTally())
		r.until("it says what to set", func() bool {
			err := c.Ready()
			return err != nil && strings.Contains(err.Error(), r.topic+"/0") && strings.Contains(err.Error(), "kafka.start")
		})
		stop()
		if n := opts.Watermarks.(*kept).of(r.topic, `"unknown":true`); n != 1 {
			t.Errorf("of %d partitions it is kept that nothing is known of them, want 1", n)
		}
		if n := r.committed(); n != 0 {
			t.Errorf("committed %d of what was not read", n)
		}
		opts.Start = start
		if n := r.handled(opts, 20).different(); n != want {
			t.Errorf("kafka.start %s: %d messages handled, want %d", start, n, want)
		}
	}
}

func TestWhatCannotHaveBeenReadBeforeIsReadFromItsBeginning(t *testing.T) {
	for what, prepare := range map[string]func(*rig, *kept){
		"a fresh installation":         func(_ *rig, k *kept) { k.used = false },
		"an added partition":           func(r *rig, k *kept) { k.marks = map[string]map[int]string{r.topic: {0: `{"offset":0}`}} },
		"nothing was settled of it":    func(r *rig, k *kept) { k.marks = map[string]map[int]string{r.topic: {1: `{"offset":0}`}} },
		"messages that wait, all new":  func(*rig, *kept) {},
		"watermarks that are not kept": func(_ *rig, k *kept) { k.used = false },
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t, 2)
			r.putAt(0, 1, 0, 10)
			marks := &kept{used: true}
			opts := r.options()
			prepare(r, marks)
			if what == "messages that wait, all new" {
				live := *r
				live.topic += "-live"
				live.createTopic()
				opts.Topics, opts.Due = []string{live.topic}, due(time.Millisecond)
				opts.Waiting = func(context.Context) (map[string]time.Duration, error) {
					return map[string]time.Duration{r.topic: time.Millisecond}, nil
				}
			}
			if opts.Watermarks = marks; what == "watermarks that are not kept" {
				opts.Watermarks = nil
			}
			if n := r.handled(opts, 10).different(); n != 10 {
				t.Errorf("%d messages handled, want 10", n)
			}
		})
	}
}

func TestWatermarksThatCannotBeAskedForAreWaitedFor(t *testing.T) {
	r := newRig(t, 1)
	r.putAt(0, 0, 0, 10)
	marks := &kept{err: errors.New("Redis is away")}
	opts := r.options()
	opts.Watermarks = marks
	c, stop := r.start(opts, newTally())
	r.until("it says why it does not read", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), "Redis is away")
	})
	marks.mu.Lock()
	marks.err = nil
	marks.mu.Unlock()
	r.until("it reads", func() bool { return r.committed() == 10 && c.Ready() == nil })
	r.until("its watermark is kept", func() bool { return marks.of(r.topic, `"offset":10`) == 1 })
	stop()
}

// A hold is a message that is not settled until it is released.
type hold struct {
	tally
	message  string
	released chan struct{}
}

func (h *hold) Handle(ctx context.Context, m *lead.Message, started func(int)) error {
	if string(m.Value) == h.message {
		select {
		case <-h.released:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return h.tally.Handle(ctx, m, started)
}

func TestAPartitionThatCannotCommitIsReadNoFurther(t *testing.T) {
	r := newRig(t, 2)
	opts := r.options()
	opts.Retention = 4 * time.Second
	h := &hold{tally: *newTally(), message: "3", released: make(chan struct{})}
	c, stop := r.start(opts, h)
	r.putAt(0, 0, 0, 10)
	r.until("all but one are settled", func() bool { return h.different() == 9 })
	isHeld := func(c *consumer.Consumer) func() bool {
		return func() bool {
			err := c.Ready()
			return err != nil && strings.Contains(err.Error(), r.topic+"/0 is read no further: the event at offset 3 ")
		}
	}
	r.until("it is read no further", isHeld(c))
	r.putAt(0, 0, 10, 10)
	r.putAt(0, 1, 100, 10)
	r.until("the other partition is read", func() bool { return h.different() == 19 })
	stop()

	// The age is not forgotten by a restart, so that only what holds it up is read.
	h = &hold{tally: *newTally(), message: "3", released: make(chan struct{})}
	c, stop = r.start(opts, h)
	r.until("it is read no further after a restart", isHeld(c))
	r.putAt(0, 1, 110, 10)
	r.until("the other partition is read", func() bool { return h.different() == 10 })
	r.until("it is committed, and nothing of this one", func() bool { return r.committed() == 3+20 })
	close(h.released)
	r.until("it goes on", func() bool { return r.committed() == 40 && c.Ready() == nil })
	stop()
	if n := h.different(); n != 27 {
		t.Errorf("%d messages handled, want 10 of the other partition and 17 of this one", n)
	}
}

// TestAHoldIsAsOldAsItsNoteSays has another instance's note of a hold.
func TestAHoldIsAsOldAsItsNoteSays(t *testing.T) {
	for age, held := range map[time.Duration]bool{35 * time.Hour: false, 37 * time.Hour: true, 400 * time.Hour: true} {
		r := newRig(t, 1)
		r.putAt(0, 0, 0, 20)
		r.commit(3, `{"offset":3,"heldTo":10,"held":"`+time.Now().Add(-age).UTC().Format(time.RFC3339Nano)+`"}`)
		h := &hold{tally: *newTally(), message: "3", released: make(chan struct{})}
		c, stop := r.start(r.options(), h)
		if held {
			r.until("it is read no further", func() bool {
				err := c.Ready()
				return err != nil && strings.Contains(err.Error(), "is read no further: the event at offset 3 ")
			})
			if n := h.different(); n != 0 {
				t.Errorf("after %v: %d messages handled behind the one that holds them up", age, n)
			}
		} else {
			r.until("it is read on", func() bool { return h.different() == 16 && c.Ready() == nil })
		}
		close(h.released)
		r.until("all are committed", func() bool { return r.committed() == 20 && c.Ready() == nil })
		stop()
		if n := h.different(); n != 17 || h.twice() != 0 {
			t.Errorf("after %v: %d messages handled, %d twice, want 17", age, n, h.twice())
		}
	}
}

func TestPartitionsWhoseLeadersAreThereAreReadMeanwhile(t *testing.T) {
	t.Parallel() // it takes its time
	r := newEmbeddedRig(t, 3)
	waiting := r.beside(".retry.1ms")
	var back atomic.Bool
	r.embedded.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r.embedded.KeepControl()
		asked := req.(*kmsg.ListOffsetsRequest).Topics[0]
		if asked.Topic != waiting.topic || asked.Partitions[0].Partition != 1 || back.Load() {
			return nil, nil, false
		}
		part := kmsg.NewListOffsetsResponseTopicPartition()
		part.Partition, part.ErrorCode = 1, kerr.LeaderNotAvailable.Code
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic, topic.Partitions = asked.Topic, []kmsg.ListOffsetsResponseTopicPartition{part}
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		resp.Topics = []kmsg.ListOffsetsResponseTopic{topic}
		return resp, nil, true
	})
	r.put(0, 30)
	waiting.put(100, 30)
	c, stop := r.start(r.waits(time.Millisecond, waiting), newTally())
	r.until("the others are committed", func() bool { return r.committed() == 30 && waiting.committed() == 20 })
	r.until("it says which is not read", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), waiting.topic+"/1 is not read since ")
	})
	back.Store(true)
	r.until("that one is read too", func() bool { return waiting.committed() == 30 && c.Ready() == nil })
	stop()
}
