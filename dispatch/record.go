package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/lead"
)

// A record is what a message brought: an event with all its deliveries, or one
// delivery of an event, which has waited.
type record struct {
	msg       *lead.Message // the event's
	history   lead.History
	notBefore time.Time
	waited    bool
	started   func() // says that it has come to a lane
}

// read finds out whether a message is an event or a delivery that has waited.
func (d *Dispatcher) read(m *lead.Message, started func()) record {
	if w := d.parts.RetryQueue.Read(m); w != nil {
		return record{msg: &w.Message, history: w.History, notBefore: w.NotBefore, waited: true, started: started}
	}
	return record{msg: m, history: lead.History{Received: m.Time}, started: started}
}

func (d *Dispatcher) buryRecord(ctx context.Context, r *record, reason lead.Reason, text string) error {
	letter := &lead.DeadLetter{Message: *r.msg, Reason: reason, History: r.history}
	letter.Error = text
	return d.bury(ctx, letter)
}

// delivery is that of the record's event to one webhook. A nil hook is one that
// is there no more.
func (r *record) delivery(ev *lead.Event, hook *lead.Webhook) *delivery {
	dl := &delivery{
		msg: r.msg, ev: ev, hook: hook, history: r.history, waited: r.waited, started: r.started,
		mark: lead.MarkOf(&r.history, r.waited),
	}
	if hook == nil {
		dl.hook, dl.removed = &lead.Webhook{ID: r.history.Webhook, Advertiser: ev.AdvertiserID}, true
	}
	dl.history.Advertiser, dl.history.Webhook = ev.AdvertiserID, dl.hook.ID
	dl.history.Delivery = lead.DeliveryID(ev, dl.hook.ID)
	return dl
}

func byID(hooks []*lead.Webhook, id string) *lead.Webhook {
	for _, hook := range hooks {
		if hook.ID == id {
			return hook
		}
	}
	return nil
}

// hopOn sends a delivery on that came before its time: its topic is not the
// last that it waits in. It says whether that has settled the record.
func (d *Dispatcher) hopOn(ctx context.Context, r *record) (settled bool, err error) {
	const shortest = 2 * time.Second // what is less is not worth another topic
	if !r.waited {
		return false, nil
	}
	left := time.Until(r.notBefore)
	switch {
	case left <= 0:
		return false, nil
	case left > shortest:
		return true, d.parts.RetryQueue.Forward(ctx, &lead.Waiting{Message: *r.msg, NotBefore: r.notBefore, History: r.history})
	case !wait.For(ctx, left):
		return false, fmt.Errorf("delivery %s is not due yet: %w", r.history.Delivery, context.Cause(ctx))
	}
	return false, nil
}

func (d *Dispatcher) decode(r *record) (*lead.Event, *lead.Refusal) {
	ev, refusal := Decode(r.msg.Value, d.opts.MaxEventBytes)
	if refusal == nil {
		ev.Received = r.history.Received
	}
	return ev, refusal
}

// Decode is [lead.Decode] for a value of at most so many bytes: what
// [Dispatcher.Handle] does with a message first. Received is left zero.
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
