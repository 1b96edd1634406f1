package consumer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// readerQueue is the number of messages that a partition's reader has ready,
// beside the one that it reads and the one that waits for the budget. More bring
// no speed, and with 64, large messages would take more memory than the budget.
const readerQueue = 1

// fetchTimeout is how long a fetch may take. A broker that has no message waits
// for one for a second less; one that has a message answers at once. From a
// broker that always takes longer, nothing can be read.
const fetchTimeout = 10 * time.Second

// A partition reads one assigned partition in order, opens its messages as far
// as the budget allows, and hands each to the Handler.
type partition struct {
	s      *session
	topic  string
	number int
	start  int64         // the first offset to read
	delay  time.Duration // the longest wait of a message; zero: messages do not wait
	budget *budget

	reader *kafka.Reader
	window *window
	grown  chan struct{} // holds a token after the window's prefix has grown

	end       atomic.Int64 // the end of the log, as last reported by the broker
	openBytes atomic.Int64
	failing   atomic.Pointer[string] // why fetching fails; nil if it works
}

func newPartition(s *session, topic string, number int, start int64) *partition {
	p := &partition{
		s: s, topic: topic, number: number, start: start,
		delay: s.m.waiting[topic], budget: s.c.fresh,
		reader: s.newReader(topic, number, start),
		window: newWindow(start),
		grown:  make(chan struct{}, 1),
	}
	if p.delay > 0 {
		p.budget = s.c.waited
	}
	p.end.Store(start)
	return p
}

// read fetches until the context fetching ends; messages are handled with the
// context working. It returns an error if the partition must be assigned again.
func (p *partition) read(fetching, working context.Context) error {
	for expected, gaps := p.start, 0; ; {
		m, err := p.reader.FetchMessage(fetching)
		switch {
		case fetching.Err() != nil:
			return nil //nolint:nilerr // fetching ended as it was told to
		case errors.Is(err, kafka.OffsetOutOfRange):
			return err
		case err != nil:
			p.failed(err)
			continue // the reader retries, with its own back-off
		}
		p.failing.Store(nil)
		if m.Offset > expected {
			p.s.c.metrics.recordsLost.Add(float64(m.Offset - expected))
			if gaps++; gaps == 1 { // a compacted log has many
				p.logGap(expected, m.Offset)
			}
		}
		expected = m.Offset + 1
		if !p.accept(fetching, working, &m) {
			return nil
		}
	}
}

func (s *session) newReader(topic string, partition int, start int64) *kafka.Reader {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:               s.c.opts.Brokers,
		Dialer:                s.dialer,
		Topic:                 topic,
		Partition:             partition,
		MinBytes:              1,
		MaxBytes:              s.c.opts.FetchMaxBytes,
		MaxWait:               fetchTimeout,
		QueueCapacity:         readerQueue,
		ReadLagInterval:       -1, // updateEnds asks for all partitions together
		ReadBackoffMin:        100 * time.Millisecond,
		ReadBackoffMax:        time.Second,
		OffsetOutOfRangeError: true,
		ErrorLogger:           s.c.libraryLog(),
	})
	_ = reader.SetOffset(start) // fails only on a closed reader
	return reader
}

// checkRecovered notices that fetching works again while no message is
// published: kafka-go counts an answer without messages as a time-out.
func (p *partition) checkRecovered() {
	if p.failing.Load() != nil && p.reader.Stats().Timeouts > 0 {
		p.failing.Store(nil)
	}
}

// isTransactionMarker reports whether m is a control record (KIP-98), which marks
// the end of a transaction. kafka-go returns it like any other record. Its key is
// a version and a type, and its value is not JSON.
func isTransactionMarker(m *kafka.Message) bool {
	const abort, commit = "\x00\x00\x00\x00", "\x00\x00\x00\x01"
	return (string(m.Key) == abort || string(m.Key) == commit) && len(m.Value) == 6 && len(m.Headers) == 0
}

// accept opens one message, or settles a transaction marker. It returns false if
// fetching ended first; the message then counts as never fetched.
func (p *partition) accept(fetching, working context.Context, m *kafka.Message) bool {
	if !isTransactionMarker(m) {
		return p.handle(fetching, working, m)
	}
	if !p.track(fetching, m.Offset) {
		return false
	}
	p.settle(m.Offset)
	return true
}

// An openMessage is a message that is being handled.
type openMessage struct {
	lead.Message

	p      *partition
	size   int // as the budget counts it, and so are places
	places int
	start  start
}

// handle opens one message and starts its handling.
func (p *partition) handle(fetching, working context.Context, m *kafka.Message) bool {
	p.end.Store(m.HighWaterMark)
	o := &openMessage{Message: toMessage(m), p: p, places: 1}
	o.size = o.Size()
	if !p.awaitDue(fetching, &o.Message) {
		return false
	}
	var err error
	if o.start, err = p.budget.acquire(fetching, o.size); err != nil {
		return false
	}
	if !p.track(fetching, m.Offset) {
		o.start.end()
		p.budget.release(o.size, o.places)
		return false
	}
	p.openBytes.Add(int64(o.size))
	p.s.handlers.Add(1)
	p.s.running.Add(1)
	go o.handle(working)
	return true
}

func (o *openMessage) handle(working context.Context) {
	defer o.p.s.handlers.Done()
	defer o.p.s.running.Add(-1)
	err := o.p.s.c.handler.Handle(working, &o.Message, o.started)
	o.start.end()
	o.p.openBytes.Add(-int64(o.size))
	o.p.budget.release(o.size, o.places)
	if err == nil {
		o.p.settle(o.Offset)
	}
}

// started notes that the message waits only for so many destinations.
func (o *openMessage) started(deliveries int) {
	o.start.end()
	if places := max(1, deliveries); places != o.places {
		o.p.budget.resize(o.places, places)
		o.places = places
	}
}

// awaitDue blocks until the message is due. All messages of a topic wait equally
// long, so that the first is always the next that is due. A message never waits
// longer than its topic's delay, even if the clock of a broker or of another
// instance is wrong. awaitDue returns false if fetching ended first.
func (p *partition) awaitDue(fetching context.Context, m *lead.Message) bool {
	if p.delay == 0 {
		return true
	}
	if d := min(time.Until(p.s.c.opts.Due(m)), p.delay); d > 0 {
		wait.For(fetching, d)
	}
	return fetching.Err() == nil
}

// track adds offset to the window. It blocks while the window is full, and
// returns false if fetching ended first.
func (p *partition) track(fetching context.Context, offset int64) bool {
	for !p.window.add(offset) {
		select {
		case <-p.grown:
		case <-fetching.Done():
			return false
		}
	}
	return true
}

func (p *partition) settle(offset int64) {
	if !p.window.settle(offset) {
		return
	}
	select {
	case p.grown <- struct{}{}:
	default:
	}
}

// age returns for how long the oldest open message has held up the commits.
func (p *partition) age() time.Duration {
	if since, open := p.window.oldest(); open {
		return time.Since(since)
	}
	return 0
}

// failed notes that fetching does not work, and why.
func (p *partition) failed(err error) {
	text := err.Error()
	if p.failing.Swap(&text) == nil {
		p.reader.Stats() // resets the counters, for checkRecovered
		p.s.c.health.cannotFetch()
	}
}

func (p *partition) logGap(expected, offset int64) {
	p.s.c.log.Error("records lost: retention or compaction removed them before they were read",
		zap.String("topic", p.topic), zap.Int("partition", p.number),
		zap.Int64("expected_offset", expected), zap.Int64("offset", offset))
}

// toMessage converts a message. It leaves out the fields of kafka-go that must not
// be set when the message is published again.
func toMessage(m *kafka.Message) lead.Message {
	message := lead.Message{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset,
		Key: m.Key, Value: m.Value, Time: m.Time,
	}
	if len(m.Headers) > 0 {
		message.Headers = make([]lead.Header, len(m.Headers))
		for i, h := range m.Headers {
			message.Headers[i] = lead.Header(h)
		}
	}
	return message
}
