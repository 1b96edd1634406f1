package consumer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/consumer/fetch"
	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// A partition reads one assigned partition in order, opens its messages as far
// as the budget allows, and hands each to the Handler.
type partition struct {
	s      *session
	topic  string
	number int
	start  int64         // the first offset to read
	delay  time.Duration // the longest wait of a message; zero: messages do not wait
	budget *budget

	source *fetch.Partition
	window *window
	grown  chan struct{} // holds a token after the window's prefix has grown
	sights sights        // of read
	trail  trail         // of the records in the window

	handlers sync.WaitGroup          // every running Handle
	cut      context.CancelCauseFunc // ends the context of those
	held     atomic.Bool             // it is read no further: see holdLimit
	heldAt   int64                   // the offset that holds it up, or did last

	end       atomic.Int64 // the end of the log, as last reported by the broker
	openBytes atomic.Int64
	failing   atomic.Pointer[string] // why fetching fails; nil if it works

	awaited int64 // the offset of the last message that was waited for until it was due
}

// newPartition returns a partition that has no source yet.
func newPartition(s *session, topic string, number int, start int64) *partition {
	p := &partition{
		s: s, topic: topic, number: number, start: start,
		delay: s.m.waiting[topic], budget: s.c.fresh,
		window: newWindow(start),
		grown:  make(chan struct{}, 1),

		awaited: -1,
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
		head, err := p.source.Peek(fetching)
		if err == nil && head.Offset > expected && !head.Empty {
			p.s.c.metrics.recordsLost.Add(float64(head.Offset - expected))
			if gaps++; gaps == 1 { // a compacted log has many
				p.logGap(expected, head.Offset)
			}
		}
		if err == nil {
			p.end.Store(head.End)
			if p.delay > 0 {
				p.sights.note(head.End, time.Now())
			}
			expected = head.Offset + 1
			err = p.accept(fetching, working, head)
		}
		switch {
		case fetching.Err() != nil:
			return nil //nolint:nilerr // fetching ended as it was told to
		case err != nil:
			return err
		}
	}
}

// accept opens one message, or settles offsets that have none. An error means that
// fetching ended first, or that the partition must be assigned again; the message then
// counts as never fetched.
func (p *partition) accept(fetching, working context.Context, head fetch.Head) error {
	switch {
	case head.Empty:
		return p.pass(fetching, head)
	case p.delay > 0 && head.Offset != p.awaited:
		return p.awaitDue(fetching, head)
	}
	if !p.awaitHold(fetching) || !p.awaitRoom(fetching) {
		return context.Cause(fetching)
	}
	return p.open(fetching, working, head)
}

// pass settles offsets that have no message.
func (p *partition) pass(fetching context.Context, head fetch.Head) error {
	if err := p.track(fetching, head.Offset); err != nil {
		return err
	}
	p.settle(head.Offset)
	p.source.Pass()
	return nil
}

// An openMessage is a message that is being handled.
type openMessage struct {
	lead.Message

	p      *partition
	size   int // as the budget counts it, and so are places
	places int
	start  start
}

// open takes a message, when the budget has room for it, and starts its handling.
func (p *partition) open(fetching, working context.Context, head fetch.Head) error {
	start, err := p.budget.acquire(fetching, head.Size)
	if err != nil {
		return err
	}
	m, err := p.take(fetching)
	if err == nil {
		err = p.track(fetching, m.Offset)
	}
	if err != nil {
		start.end()
		p.budget.release(head.Size, 1)
		return err
	}
	o := &openMessage{Message: m, p: p, size: head.Size, places: 1, start: start}
	p.openBytes.Add(int64(o.size))
	p.trail.add(m.Offset, m.Time)
	p.s.handlers.Add(1)
	p.handlers.Add(1)
	p.s.running.Add(1)
	go o.handle(working)
	return nil
}

// take takes the message. It blocks while the message is fetched again, because others
// needed the room that it took.
func (p *partition) take(fetching context.Context) (lead.Message, error) {
	for {
		if m, ok := p.source.Take(); ok {
			return m, nil
		}
		head, err := p.source.Peek(fetching)
		if err == nil && head.Empty { // retention or compaction took it meanwhile
			err = p.pass(fetching, head)
		}
		if err != nil {
			return lead.Message{}, err
		}
	}
}

func (o *openMessage) handle(working context.Context) {
	defer o.p.s.handlers.Done()
	defer o.p.handlers.Done()
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
// longer than its topic's delay from when it could first have been seen, even if the clock
// of a broker or of another instance is wrong. What must wait for long is fetched again
// then.
func (p *partition) awaitDue(fetching context.Context, head fetch.Head) error {
	const long = 6 * time.Second // than a request that asks for more, which must end before another one
	m, ok := p.source.Read()
	if !ok {
		return nil // it is to be fetched again
	}
	p.awaited = head.Offset
	latest := p.sights.of(head.Offset, time.Now()).Add(p.delay)
	d := min(time.Until(p.s.c.opts.Due(&m)), time.Until(latest))
	if d <= 0 {
		return nil
	}
	if d > long {
		p.source.Drop()
	}
	if !wait.For(fetching, d) {
		return context.Cause(fetching)
	}
	return nil
}

// track adds offset to the window. It blocks while the window is full. An error means
// that fetching ended first.
func (p *partition) track(fetching context.Context, offset int64) error {
	for !p.window.add(offset) {
		select {
		case <-p.grown:
		case <-fetching.Done():
			return context.Cause(fetching)
		}
	}
	return nil
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

func (p *partition) logGap(expected, offset int64) {
	p.s.c.log.Error("records lost: retention or compaction removed them before they were read",
		zap.String("topic", p.topic), zap.Int("partition", p.number),
		zap.Int64("expected_offset", expected), zap.Int64("offset", offset))
}
