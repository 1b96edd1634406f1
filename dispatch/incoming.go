package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// An incoming is the content of a message: an event with all its deliveries, which may have
// been put off, or one delivery of an event, or a dead letter, which has waited in a retry
// topic.
type incoming struct {
	msg       *lead.Message // the event, as it was published
	history   lead.History
	notBefore time.Time
	reason    lead.Reason // why it is a dead letter; empty: it is none
	waited    bool        // it is not a whole event
	started   func(int)   // of Handle
}

// read finds out whether a message is an event or a delivery that has waited, and sets
// what in has of it.
func (d *Dispatcher) read(m *lead.Message, in *incoming) {
	w := d.parts.RetryQueue.Read(m)
	if w == nil {
		in.msg, in.history.Received = m, m.Time
		return
	}
	d.correctTimes(w)
	in.msg, in.history, in.notBefore, in.reason = &w.Message, w.History, w.NotBefore, w.Reason
	in.waited = w.Delivery != "" || w.Reason != ""
}

func (d *Dispatcher) buryIncoming(ctx context.Context, in *incoming, reason lead.Reason, text string) error {
	letter := &lead.DeadLetter{Message: *in.msg, Reason: reason, History: in.history}
	letter.Error = text
	_, err := d.bury(ctx, letter)
	return err
}

// delivery returns the delivery of the event to one webhook; nil stands for a
// webhook that no longer exists.
func (in *incoming) delivery(ev *lead.Event, hook *lead.Webhook) *delivery {
	dl := &delivery{
		msg: in.msg, ev: ev, history: in.history, reason: in.reason, waited: in.waited, started: in.started,
		mark: lead.MarkOf(&in.history, in.waited),
	}
	if dl.history.Advertiser = ev.AdvertiserID; hook != nil {
		dl.history.Webhook = hook.ID
	}
	dl.history.Delivery = lead.DeliveryID(ev, dl.history.Webhook)
	dl.goesTo(hook)
	return dl
}

// goesTo sets the delivery's webhook; nil stands for one that no longer exists.
func (dl *delivery) goesTo(hook *lead.Webhook) {
	if dl.removed = hook == nil; dl.removed {
		hook = &lead.Webhook{ID: dl.history.Webhook, Advertiser: dl.history.Advertiser}
	}
	dl.hook = hook
}

// leave leaves a message to an instance of a later version, which alone can read it. Until
// then it goes round in its topic.
func (d *Dispatcher) leave(ctx context.Context, m *lead.Message) error {
	if err := d.parts.RetryQueue.PutBack(ctx, m); err != nil {
		return fmt.Errorf("put %s/%d/%d back: %w", m.Topic, m.Partition, m.Offset, err)
	}
	d.metrics.newer.Inc()
	d.log.Warn("a later version of leadhook wrote a record that this one cannot read; it is left to that version",
		zap.String("topic", m.Topic), zap.Int("partition", m.Partition), zap.Int64("offset", m.Offset))
	return nil
}

// byID returns the webhook with that id, and nil if there is none. It is damaged if the
// record of all of them is.
func byID(hooks []*lead.Webhook, id string) *lead.Webhook {
	for _, hook := range hooks {
		if hook.ID == id {
			return hook
		}
		if hook.ID == "" && hook.Damaged != "" {
			return &lead.Webhook{ID: id, Advertiser: hook.Advertiser, Damaged: hook.Damaged}
		}
	}
	return nil
}

// forward handles what came before it is due. It hands it back
// to the retry queue, to wait in another topic, and returns true: the message is
// settled. If only a short time is left, it waits and returns false.
func (d *Dispatcher) forward(ctx context.Context, in *incoming) (settled bool, err error) {
	const shortest = 2 * time.Second // a shorter wait is not worth another topic
	left := time.Until(in.notBefore)
	switch {
	case left <= 0:
		return false, nil
	case left > shortest:
		return true, d.parts.RetryQueue.Forward(ctx, in.waiting(in.notBefore))
	case !wait.For(ctx, left):
		return false, fmt.Errorf("delivery %s is not due yet: %w", in.history.Delivery, context.Cause(ctx))
	}
	return false, nil
}

// putOff has a message wait in the retry queue, as it is: something of our own that it
// needs is away. What becomes of it is not decided, and no attempt is counted.
func (d *Dispatcher) putOff(ctx context.Context, in *incoming, ev *lead.Event) error {
	in.history.Advertiser = ev.AdvertiserID
	if err := d.parts.RetryQueue.Schedule(ctx, in.waiting(putOffUntil(in.history.Received))); err != nil {
		return fmt.Errorf("put off a lead of advertiser %s: %w", ev.AdvertiserID, err)
	}
	d.metrics.putOffWebhooks.Inc()
	return nil
}

// waiting returns what makes it wait until a time.
func (in *incoming) waiting(until time.Time) *lead.Waiting {
	return &lead.Waiting{Message: *in.msg, NotBefore: until, Reason: in.reason, History: in.history}
}

func (d *Dispatcher) decode(in *incoming) (*lead.Event, *lead.Refusal) {
	if in.msg.Omitted > 0 {
		return nil, &lead.Refusal{Reason: lead.TooLarge, Text: fmt.Sprintf(
			"the record has at least %d bytes when it is unpacked, too many to be read (kafka.max_unpacked_bytes)", in.msg.Omitted)}
	}
	ev, refusal := Decode(in.msg.Value, d.opts.MaxEventBytes)
	if refusal == nil {
		ev.Received = in.history.Received
	}
	return ev, refusal
}

// Decode is [lead.Decode], but refuses a value of more than maxBytes bytes. It is
// the first thing that [Dispatcher.Handle] does with an event. Received is left
// zero.
func Decode(value []byte, maxBytes int) (*lead.Event, *lead.Refusal) {
	if len(value) > maxBytes {
		text := fmt.Sprintf("the event has %d bytes, at most %d are allowed", len(value), maxBytes)
		return nil, &lead.Refusal{Reason: lead.TooLarge, Text: text}
	}
	ev, err := lead.Decode(value)
	if refusal, ok := errors.AsType[*lead.Refusal](err); ok {
		return nil, refusal
	}
	if err != nil {
		return nil, &lead.Refusal{Reason: lead.NotJSON, Text: err.Error()}
	}
	return ev, nil
}
