package dispatch

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// A delivery is one lead event on its way to one webhook, and what happened to
// it so far.
type delivery struct {
	id     string
	msg    *lead.Message
	ev     *lead.Event
	hook   *lead.Webhook
	target *target
	body   formats.Body // the same on every attempt

	attempts    int // made so far, the one under way included
	first, last time.Time
	outcome     outcome // of the last attempt
}

// deliver takes an event to one webhook and blocks until that is settled. A
// panic on the way ends this delivery and no other.
func (d *Dispatcher) deliver(ctx context.Context, m *lead.Message, ev *lead.Event, hook *lead.Webhook) (err error) {
	dl := &delivery{id: lead.DeliveryID(ev, hook.ID), msg: m, ev: ev, hook: hook}
	defer func() {
		if p := recover(); p != nil {
			err = d.buryDelivery(ctx, dl, lead.Internal, d.panicked(p, m, dl.fields()...))
		}
	}()
	if hook.Damaged != "" {
		return d.buryDelivery(ctx, dl, lead.WebhookDamaged, hook.Damaged)
	}
	if dl.target, err = d.sender.target(hook); err != nil {
		return d.buryDelivery(ctx, dl, lead.WebhookDamaged, err.Error())
	}
	dl.body = formats.Render(ev, hook, d.opts.Provider)
	if err := d.attemptQuickly(ctx, dl); err != nil {
		return err
	}
	return d.settle(ctx, dl)
}

// settle ends a delivery after its last attempt here. What a later attempt
// could still change is left unsettled if ctx ended: whoever reads the message
// next makes that attempt.
func (d *Dispatcher) settle(ctx context.Context, dl *delivery) error {
	o := dl.outcome
	switch {
	case o.verdict == delivered:
		d.countDelivered(dl)
		return nil
	case o.final():
		ctx, cancel := outliving(ctx, lastBurial)
		defer cancel()
		return d.buryDelivery(ctx, dl, o.reason(), o.text)
	case ctx.Err() != nil:
		return dl.unsettled(ctx)
	}
	return d.buryDelivery(ctx, dl, o.reason(), o.text)
}

func (d *Dispatcher) countDelivered(dl *delivery) {
	d.metrics.delivered[formatLabel(dl.hook)].Inc()
	if !dl.ev.Received.IsZero() {
		d.metrics.leadAge.Observe(time.Since(dl.ev.Received).Seconds())
	}
	if entry := d.log.Check(zap.DebugLevel, "delivered"); entry != nil {
		entry.Write(append(dl.fields(), zap.Int("attempts", dl.attempts), zap.Int("status", dl.outcome.status))...)
	}
}

func (d *Dispatcher) buryDelivery(ctx context.Context, dl *delivery, reason lead.Reason, text string) error {
	err := d.bury(ctx, &lead.DeadLetter{
		Message: *dl.msg,
		Reason:  reason,
		History: lead.History{
			Error:        text,
			Advertiser:   dl.ev.AdvertiserID,
			Webhook:      dl.hook.ID,
			Delivery:     dl.id,
			Attempts:     dl.attempts,
			Status:       dl.outcome.status,
			Evidence:     dl.outcome.evidence,
			Received:     dl.ev.Received,
			FirstAttempt: dl.first,
			LastAttempt:  dl.last,
		},
	})
	if err == nil {
		d.metrics.ended(string(reason), dl.hook)
	}
	return err
}

// bury hands a letter over and says so in the log once it is safe.
func (d *Dispatcher) bury(ctx context.Context, letter *lead.DeadLetter) error {
	m := &letter.Message
	if err := d.letters.Bury(ctx, letter); err != nil {
		return fmt.Errorf("bury %s/%d/%d (%s): %w", m.Topic, m.Partition, m.Offset, letter.Reason, err)
	}
	d.log.Warn("dead letter",
		zap.String("topic", m.Topic), zap.Int("partition", m.Partition), zap.Int64("offset", m.Offset),
		zap.String("advertiser_id", letter.Advertiser), zap.String("webhook_id", letter.Webhook),
		zap.String("delivery_id", letter.Delivery), zap.Int("attempts", letter.Attempts),
		zap.Int("status", letter.Status), zap.String("reason", string(letter.Reason)),
		zap.String("error", letter.Error))
	return nil
}

// fields are what the log says about a delivery.
func (dl *delivery) fields() []zap.Field {
	return []zap.Field{
		zap.String("advertiser_id", dl.ev.AdvertiserID),
		zap.String("lead_id", dl.ev.LeadID),
		zap.String("webhook_id", dl.hook.ID),
		zap.String("delivery_id", dl.id),
	}
}

// unsettled is the error for a delivery that ctx kept from its end.
func (dl *delivery) unsettled(ctx context.Context) error {
	return fmt.Errorf("delivery %s to webhook %s is not settled: %w", dl.id, dl.hook.ID, context.Cause(ctx))
}

// panicked reports a panic to the log, where its stack belongs, and returns
// the words for the dead letter: what kind of panic and where, but not its
// value, which may quote the lead.
func (d *Dispatcher) panicked(p any, m *lead.Message, fields ...zap.Field) string {
	text := fmt.Sprintf("handling it panicked (%T) at %s", p, panicPlace())
	d.log.Error("panic: this is a bug in leadhook, please report it", append(fields,
		zap.String("topic", m.Topic), zap.Int("partition", m.Partition), zap.Int64("offset", m.Offset),
		zap.String("error", text), zap.Stack("stack"))...)
	return text
}

// panicPlace is the innermost function outside the runtime that was running
// when the panic began; it must be called while recovering.
func panicPlace() string {
	var room [64]uintptr
	frames := runtime.CallersFrames(room[:runtime.Callers(1, room[:])])
	panicking := false
	for {
		frame, more := frames.Next()
		ours := !strings.HasPrefix(frame.Function, "runtime.")
		if panicking && ours {
			return fmt.Sprintf("%s (%s:%d)", frame.Function, path.Base(frame.File), frame.Line)
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}
