package consumer_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/consumer"
	"github.com/leadhook/leadhook/lead"
)

// beside returns a rig for another topic of the same broker and group.
func (r *rig) beside(suffix string) *rig {
	other := *r
	other.topic = r.topic + suffix
	other.createTopic()
	return &other
}

// due says that a message of a topic that waits is due a delay after it was
// published.
func due(delay time.Duration) func(m *lead.Message) time.Time {
	return func(m *lead.Message) time.Time { return m.Time.Add(delay) }
}

// waits makes the options for topics that wait.
func (r *rig) waits(delay time.Duration, topics ...*rig) consumer.Options {
	opts := r.options()
	opts.Due = due(delay)
	opts.Waiting = func(context.Context) (map[string]time.Duration, error) {
		all := map[string]time.Duration{}
		for _, t := range topics {
			all[t.topic] = delay
		}
		return all, nil
	}
	return opts
}

func TestAMessageThatWaitsIsHandledWhenItIsDue(t *testing.T) {
	const delay = 2 * time.Second
	r := newRig(t, 2)
	waiting := r.beside(".retry.2s")
	var early, late, handled atomic.Int64
	_, stop := r.start(r.waits(delay, waiting), handler(func(_ context.Context, m *lead.Message) error {
		if m.Topic == waiting.topic {
			switch age := time.Since(m.Time); {
			case age < delay:
				early.Add(1)
			case age > delay+5*time.Second:
				late.Add(1)
			}
		}
		handled.Add(1)
		return nil
	}))
	waiting.put(0, 20)
	r.put(0, 20)
	r.until("the fresh ones are done", func() bool { return r.committed() == 20 })
	if n := waiting.committed(); n != 0 {
		t.Errorf("%d messages that wait were committed before they were due", n)
	}
	waiting.put(20, 20)
	r.until("all are committed", func() bool { return waiting.committed() == 40 })
	stop()
	if early.Load() != 0 || late.Load() != 0 || handled.Load() != 60 {
		t.Errorf("of 60 messages %d were handled, %d of them early and %d late", handled.Load(), early.Load(), late.Load())
	}
}

// All are stamped ahead, and were there before the first was read: they wait side by side
// and not one after the other.
func TestNoClockMakesAMessageWaitLongerThanItsTopic(t *testing.T) {
	const delay, messages = 500 * time.Millisecond, 60
	r := newRig(t, 1)
	waiting := r.beside(".retry.500ms")
	for n := range messages {
		waiting.put(n, 1)
	}
	opts := r.waits(delay, waiting)
	opts.Due = due(1000 * time.Hour)
	opts.FetchMaxBytes = 1 // each fetch has one message
	seen := newTally()
	began := time.Now()
	_, stop := r.start(opts, seen)
	r.until("all are committed", func() bool { return waiting.committed() == messages })
	if took := time.Since(began); took < delay || took > messages*delay/2 {
		t.Errorf("%d messages took %v, want them to wait %v together", messages, took, delay)
	}
	stop()
}

func TestAStopDoesNotWaitForWhatIsNotDue(t *testing.T) {
	r := newRig(t, 1)
	waiting := r.beside(".retry.1h")
	waiting.put(0, 3)
	seen := newTally()
	c, stop := r.start(r.waits(time.Hour, waiting), seen)
	r.until("it reads", func() bool { return c.Ready() == nil })
	r.put(0, 1)
	r.until("the fresh one is done", func() bool { return r.committed() == 1 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("stopped after %v, want at once", took)
	}
	if got := seen.different(); got != 1 {
		t.Errorf("%d messages handled, want only the fresh one", got)
	}
}

// TestFreshMessagesPassThoseThatHaveWaited has everything that is due hang.
func TestFreshMessagesPassThoseThatHaveWaited(t *testing.T) {
	r := newRig(t, 1)
	waiting := r.beside(".retry.1ms")
	opts := r.waits(time.Millisecond, waiting)
	opts.OpenEvents = 40
	var hanging atomic.Int64
	release := make(chan struct{})
	_, stop := r.start(opts, handler(func(_ context.Context, m *lead.Message) error {
		if m.Topic == waiting.topic {
			hanging.Add(1)
			<-release
		}
		return nil
	}))
	waiting.put(0, 100)
	r.until("their share is open", func() bool { return hanging.Load() == 10 })
	r.put(0, 500)
	r.until("the fresh ones are committed", func() bool { return r.committed() == 500 })
	if n := hanging.Load(); n != 10 {
		t.Errorf("%d that had waited are open, want a quarter of 40", n)
	}
	close(release)
	r.until("so are the others", func() bool { return waiting.committed() == 100 })
	stop()
}

func TestATopicThatIsAddedIsRead(t *testing.T) {
	t.Parallel() // it takes its time
	r := newRig(t, 1)
	var mu sync.Mutex
	topics := map[string]time.Duration{}
	opts := r.options()
	opts.Due = due(time.Millisecond)
	opts.Waiting = func(context.Context) (map[string]time.Duration, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(topics) == 0 {
			return nil, nil
		}
		return map[string]time.Duration{r.topic + ".retry.1ms": time.Millisecond}, nil
	}
	c, stop := r.start(opts, newTally())
	r.until("it reads", func() bool { return c.Ready() == nil })
	waiting := r.beside(".retry.1ms")
	waiting.put(0, 5)
	mu.Lock()
	topics[waiting.topic] = time.Millisecond
	mu.Unlock()
	r.until("the topic that was added is read", func() bool { return waiting.committed() == 5 })
	stop()
}

func TestATopicThatIsRemovedIsNotMissed(t *testing.T) {
	t.Parallel() // it takes its time
	r := newRig(t, 1)
	waiting := r.beside(".retry.1ms")
	opts := r.waits(time.Millisecond, waiting)
	ask := opts.Waiting
	var removed atomic.Bool
	opts.Waiting = func(ctx context.Context) (map[string]time.Duration, error) {
		if removed.Load() {
			return nil, nil
		}
		return ask(ctx)
	}
	c, stop := r.start(opts, newTally())
	waiting.put(0, 1)
	r.until("it reads", func() bool { return waiting.committed() == 1 })
	removed.Store(true)
	if _, err := r.client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{waiting.topic}}); err != nil {
		t.Fatal(err)
	}
	r.put(0, 1)
	r.until("it goes on without it", func() bool { return r.committed() == 1 && c.Ready() == nil })
	stop()
}

func TestKafkaIsWaitedForToNameTheTopics(t *testing.T) {
	r := newRig(t, 1)
	opts := r.options()
	opts.Due = due(time.Millisecond)
	var answers atomic.Bool
	opts.Waiting = func(context.Context) (map[string]time.Duration, error) {
		if answers.Load() {
			return nil, nil
		}
		return nil, errors.New("nobody knows")
	}
	r.put(0, 1)
	c, stop := r.start(opts, newTally())
	r.until("it says why it does not read", func() bool { return c.Ready() != nil })
	answers.Store(true)
	r.until("it reads", func() bool { return r.committed() == 1 && c.Ready() == nil })
	stop()
}

// A partition whose number is full is read no further, and the others are.
func TestAFullPartitionHoldsUpNoOther(t *testing.T) {
	r := newRig(t, 2)
	waiting := r.beside(".retry.1ms")
	var full atomic.Bool
	full.Store(true)
	var handled [2]atomic.Int64
	opts := r.waits(time.Millisecond, waiting)
	opts.Full = func(partition int) bool { return partition == 1 && full.Load() }
	_, stop := r.start(opts, handler(func(_ context.Context, m *lead.Message) error {
		handled[m.Partition].Add(1)
		return nil
	}))
	defer stop()
	r.put(0, 40)
	waiting.put(0, 40)
	r.until("what is in the other partition is done", func() bool { return handled[0].Load() == 40 })
	if n := handled[1].Load(); n != 0 {
		t.Errorf("%d messages of the full partition were handled", n)
	}
	full.Store(false)
	r.until("all is done", func() bool { return handled[1].Load() == 40 })
}
