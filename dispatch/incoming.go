package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// An incoming is the content of a message: an event with all its deliveries, or
// one delivery of an event, which has waited in a retry topic.
type incoming struct {
	msg       *lead.Message // the event, as it was published
	history   lead.History
	notBefore time.Time
	waited    bool
	started   func(int) // of Handle
}

// read finds out whether a message is an event or a delivery that has waited.
func (d *Dispatcher) read(m *lead.Message, started func(int)) incoming {
	if w := d.parts.RetryQueue.Read(m); w != nil {
		return incoming{msg: &w.Message, history: w.History, notBefore: w.NotBefore, waited: true, started: started}
	}
	return incoming{msg: m, history: lead.History{Received: m.Time}, started: started}
}

func (d *Dispatcher) buryIncoming(ctx context.Context, in *incoming, reason lead.Reason, text string) error {
	letter := &lead.DeadLetter{Message: *in.msg, Reason: reason, History: in.history}
	letter.Error = text
	return d.bury(ctx, letter)
}

// delivery returns the delivery of the event to one webhook; nil stands for a
// webhook that no longer exists.
func (in *incoming) delivery(ev *lead.Event, hook *lead.Webhook) *delivery {
	dl := &delivery{
		msg: in.msg, ev: ev, history: in.history, waited: in.waited, started: in.started,
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

func byID(hooks []*lead.Webhook, id string) *lead.Webhook {
	for _, hook := range hooks {
		if hook.ID == id {
			return hook
		}
	}
	return nil
}

// forward handles a delivery that came before it is due. It hands the delivery back
// to the retry queue, to wait in another topic, and returns true: the message is
// settled. If only a short time is left, it waits and returns false.
func (d *Dispatcher) forward(ctx context.Context, in *incoming) (settled bool, err error) {
	const shortest = 2 * time.Second // a shorter wait is not worth another topic
	if !in.waited {
		return false, nil
	}
	left := time.Until(in.notBefore)
	switch {
	case left <= 0:
		return false, nil
	case left > shortest:
		return true, d.parts.RetryQueue.Forward(ctx, &lead.Waiting{Message: *in.msg, NotBefore: in.notBefore, History: in.history})
	case !wait.For(ctx, left):
		return false, fmt.Errorf("delivery %s is not due yet: %w", in.history.Delivery, context.Cause(ctx))
	}
	return false, nil
}

func (d *Dispatcher) decode(in *incoming) (*lead.Event, *lead.Refusal) {
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
