package consumer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

// readerQueue is how many messages a partition's reader has ready, beside the
// one that it is reading and the one that waits for the budget. More gain no
// speed, and 64 large ones a partition are more than all that may be open.
const readerQueue = 1

// fetchPatience is how long a fetch may take, and how long a broker waits for a
// first message, less a second. A broker that has one answers at once; one that
// needs longer than this is asked again and again, in vain.
const fetchPatience = 10 * time.Second

// A partition reads one assigned partition in order, opens its messages as
// far as the budget allows, and hands each to the handler.
type partition struct {
	s      *session
	topic  string
	number int
	start  int64
	delay  time.Duration // how long a message waits at most; zero: not at all
	budget *budget

	reader *kafka.Reader
	window *window
	moved  chan struct{} // the window's prefix has grown

	end       atomic.Int64 // the log's end offset, as last heard
	openBytes atomic.Int64
	failing   atomic.Pointer[string] // why fetching fails; nil: it does not
}

func newPartition(s *session, topic string, number int, start int64) *partition {
	p := &partition{
		s: s, topic: topic, number: number, start: start,
		delay: s.m.waiting[topic], budget: s.c.fresh,
		reader: s.newReader(topic, number, start),
		window: newWindow(start),
		moved:  make(chan struct{}, 1),
	}
	if p.delay > 0 {
		p.budget = s.c.waited
	}
	p.end.Store(start)
	return p
}

// read fetches until fetching ends; messages are handled with the context
// working. It returns an error if the partition must be assigned anew.
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
			continue // the reader goes on trying, with its own back-off
		}
		p.failing.Store(nil)
		if m.Offset > expected {
			p.s.c.metrics.recordsLost.Add(float64(m.Offset - expected))
			if gaps++; gaps == 1 { // in a compacted log they have no end
				p.skipped(expected, m.Offset)
			}
		}
		expected = m.Offset + 1
		if !p.take(fetching, working, &m) {
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
		MaxWait:               fetchPatience,
		QueueCapacity:         readerQueue,
		ReadLagInterval:       -1, // measured for all partitions together
		ReadBackoffMin:        100 * time.Millisecond,
		ReadBackoffMax:        time.Second,
		OffsetOutOfRangeError: true,
		ErrorLogger:           s.c.libraryLog(),
	})
	_ = reader.SetOffset(start) // fails only on a closed reader
	return reader
}

// recover notes that fetching fails no longer, which no message shows while
// none is published: kafka-go counts an answer without one as a time-out.
func (p *partition) recover() {
	if p.failing.Load() != nil && p.reader.Stats().Timeouts > 0 {
		p.failing.Store(nil)
	}
}

// isMarker says whether m is the end of a transaction, which Kafka keeps among
// the records and kafka-go hands out like one: a control record (KIP-98) whose
// key is a version and a type, and whose value is no JSON.
func isMarker(m *kafka.Message) bool {
	const abort, commit = "\x00\x00\x00\x00", "\x00\x00\x00\x01"
	return (string(m.Key) == abort || string(m.Key) == commit) && len(m.Value) == 6 && len(m.Headers) == 0
}

// take opens one message, or passes over what is none. It returns false if
// fetching ended first; the message is then as good as never fetched.
func (p *partition) take(fetching, working context.Context, m *kafka.Message) bool {
	if !isMarker(m) {
		return p.handle(fetching, working, m)
	}
	if !p.note(fetching, m.Offset) {
		return false
	}
	p.settle(m.Offset)
	return true
}

// An opened message is one that is being handled.
type opened struct {
	lead.Message

	p     *partition
	size  int // as the budgets count it
	start start
}

// handle opens one message and has it handled.
func (p *partition) handle(fetching, working context.Context, m *kafka.Message) bool {
	p.end.Store(m.HighWaterMark)
	o := &opened{Message: toMessage(m), p: p}
	o.size = o.Size()
	if !p.awaitDue(fetching, &o.Message) {
		return false
	}
	var err error
	if o.start, err = p.budget.acquire(fetching, o.size); err != nil {
		return false
	}
	if !p.note(fetching, m.Offset) {
		o.start.end()
		p.budget.release(o.size)
		return false
	}
	p.openBytes.Add(int64(o.size))
	p.s.handlers.Add(1)
	go o.handle(working)
	return true
}

func (o *opened) handle(working context.Context) {
	defer o.p.s.handlers.Done()
	err := o.p.s.c.handler.Handle(working, &o.Message, o.start.end)
	o.start.end()
	o.p.openBytes.Add(-int64(o.size))
	o.p.budget.release(o.size)
	if err == nil {
		o.p.settle(o.Offset)
	}
}

// awaitDue waits until the message may be handled. All messages of the topic
// wait equally long, so the first one is the next that is due. No clock, be it
// a broker's or another instance's, makes it wait longer than the topic says.
// It returns false if fetching ended first.
func (p *partition) awaitDue(fetching context.Context, m *lead.Message) bool {
	if p.delay == 0 {
		return true
	}
	if wait := min(time.Until(p.s.c.opts.Due(m)), p.delay); wait > 0 {
		pause(fetching, wait)
	}
	return fetching.Err() == nil
}

// note adds offset to the window, and waits while that is full. It returns
// false if fetching ended first.
func (p *partition) note(fetching context.Context, offset int64) bool {
	for !p.window.add(offset) {
		select {
		case <-p.moved:
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
	case p.moved <- struct{}{}:
	default:
	}
}

// age is for how long the oldest open message has held up the commits.
func (p *partition) age() time.Duration {
	if since, open := p.window.oldest(); open {
		return time.Since(since)
	}
	return 0
}

func (p *partition) failed(err error) {
	text := err.Error()
	if p.failing.Swap(&text) == nil {
		p.reader.Stats() // counts from here
		p.s.c.log.Warn("a partition cannot be fetched, trying on",
			zap.String("topic", p.topic), zap.Int("partition", p.number), zap.Error(err))
	}
}

func (p *partition) skipped(expected, offset int64) {
	p.s.c.log.Error("records are gone: retention or compaction removed them before they were read",
		zap.String("topic", p.topic), zap.Int("partition", p.number),
		zap.Int64("expected_offset", expected), zap.Int64("offset", offset))
}

// toMessage builds a message of our own: one of kafka-go's that was read keeps
// fields that must not be set when it is published again.
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
