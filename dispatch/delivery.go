package dispatch

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// A delivery is one lead event on its way to one webhook, and what happened to
// it so far.
type delivery struct {
	msg     *lead.Message
	ev      *lead.Event
	hook    *lead.Webhook
	removed bool // the webhook is there no more; hook then has but its ids
	history lead.History
	mark    lead.Mark // of the record that brought it
	waited  bool      // that record is one of the retry queue
	started func()    // says that the delivery has come to its lane

	looked time.Time      // when the ledger did not know it to be further on
	turn   limiter.Ticket // of its latest attempt; nobody has it any more when another one begins
	target *attempt.Target
	body   formats.Body // the same on every attempt; only one under way has it

	tries   int             // attempts made since it was read
	began   time.Time       // the first of them
	outcome attempt.Outcome // of the last one
	bug     string          // how the last one panicked; empty: it did not
	lesson  limiter.Report  // of it
	later   time.Time       // when the lane wants it to come again; zero: it did not say so
}

// deliver takes an event to one webhook and blocks until that is settled. A
// panic on the way ends this delivery and no other.
func (d *Dispatcher) deliver(ctx context.Context, dl *delivery) (err error) {
	if err := d.inFlight.begin(ctx, dl.history.Delivery); err != nil {
		return dl.unsettled(err)
	}
	goesOn := false
	defer func() {
		if !goesOn {
			d.inFlight.done(dl.history.Delivery)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			err = d.buryDelivery(ctx, dl, lead.Internal, d.panicked(p, dl.msg, dl.fields()...))
		}
	}()
	if further, err := d.furtherOn(ctx, dl); further || err != nil {
		return err
	}
	if reason, text := d.over(dl); reason != "" {
		return d.buryDelivery(ctx, dl, reason, text)
	}
	if dl.target, err = d.client.Target(dl.hook); err != nil {
		return d.buryDelivery(ctx, dl, lead.WebhookDamaged, err.Error())
	}
	end, err := d.attemptQuickly(ctx, dl)
	goesOn = end == flying // it lands by itself
	if err != nil || end != stands {
		return err
	}
	return d.settle(ctx, dl)
}

// furtherOn says whether the delivery got further than the record that brought
// it: somebody else has settled it, or this process before it was stopped.
func (d *Dispatcher) furtherOn(ctx context.Context, dl *delivery) (bool, error) {
	asked := time.Now()
	reached, err := d.parts.Ledger.Reached(ctx, dl.ev.LeadID, dl.history.Delivery)
	if err != nil {
		return false, dl.unsettled(err)
	}
	if reached <= dl.mark {
		dl.looked = asked
		return false, nil
	}
	d.metrics.ended("repeated", dl.hook)
	return true, nil
}

// over says why a delivery must not be attempted any more; an empty reason: it
// may be.
func (d *Dispatcher) over(dl *delivery) (lead.Reason, string) {
	hook, begun := dl.hook, dl.history.Begun()
	switch {
	case dl.removed:
		return lead.WebhookRemoved, "the webhook was removed while the delivery waited"
	case hook.Damaged != "":
		return lead.WebhookDamaged, hook.Damaged
	case !hook.Active:
		return lead.WebhookInactive, "the advertiser set the webhook inactive while the delivery waited"
	case !hook.Disabled.At.IsZero():
		return lead.WebhookDisabled, hook.Disabled.String()
	case !begun.IsZero() && time.Since(begun) >= d.opts.Expire:
		return lead.Expired, d.expiredText(dl)
	}
	return "", ""
}

func (d *Dispatcher) expiredText(dl *delivery) string {
	text := fmt.Sprintf("it was not delivered within %v", d.opts.Expire)
	if dl.history.Error != "" {
		text += "; last, " + dl.history.Error
	}
	return text
}

// settle ends a delivery for now, after its last attempt here.
func (d *Dispatcher) settle(ctx context.Context, dl *delivery) error {
	o := dl.outcome
	switch {
	case dl.tries == 0:
		return d.putOff(ctx, dl)
	case o.Verdict == attempt.Delivered:
		d.countDelivered(dl)
		return nil
	}
	// Whoever reads the message next would make the attempt again.
	ctx, cancel := outliving(ctx, lastWords)
	defer cancel()
	if dl.bug != "" {
		return d.buryDelivery(ctx, dl, lead.Internal, dl.bug)
	}
	if o.Final() {
		return d.buryDelivery(ctx, dl, o.Reason(), o.Text)
	}
	return d.schedule(ctx, dl)
}

// schedule lets a delivery wait whose attempt has failed.
func (d *Dispatcher) schedule(ctx context.Context, dl *delivery) error {
	wait, more := scheduledWait(d.opts.Schedule, dl.history.Step, dl.outcome)
	if !more {
		return d.buryDelivery(ctx, dl, lead.Exhausted, dl.outcome.Text)
	}
	dl.history.Step++
	return d.park(ctx, dl, time.Now().Add(wait), "scheduled")
}

// putOff lets a delivery wait that was not attempted.
func (d *Dispatcher) putOff(ctx context.Context, dl *delivery) error {
	if dl.history.Begun().IsZero() {
		dl.history.FirstDeferral = time.Now()
	}
	return d.park(ctx, dl, dl.later, "deferred")
}

// park hands a delivery to the retry queue, or buries it if its time will be over by
// then.
func (d *Dispatcher) park(ctx context.Context, dl *delivery, until time.Time, how string) error {
	if until.Sub(dl.history.Begun()) >= d.opts.Expire {
		return d.buryDelivery(ctx, dl, lead.Expired, d.expiredText(dl))
	}
	w := &lead.Waiting{Message: *dl.msg, NotBefore: until, History: dl.history}
	if err := d.parts.RetryQueue.Schedule(ctx, w); err != nil {
		return dl.unsettled(err)
	}
	d.parts.Ledger.Note(dl.ev.LeadID, dl.history.Delivery, lead.MarkOf(&dl.history, true))
	d.metrics.ended(how, dl.hook)
	if entry := d.log.Check(zap.DebugLevel, how); entry != nil {
		entry.Write(append(dl.fields(), zap.Int("step", dl.history.Step), zap.Time("not_before", until))...)
	}
	return nil
}

// request is what the next attempt sends.
func (dl *delivery) request() attempt.Request {
	return attempt.Request{
		Target: dl.target, Delivery: dl.history.Delivery, Number: dl.history.Attempts,
		Trigger: dl.ev.Trigger, Test: dl.ev.Test, Traceparent: dl.msg.Header("traceparent"),
		Time: dl.history.LastAttempt, ContentType: dl.body.ContentType, Body: dl.body.Parts[:],
	}
}

func (d *Dispatcher) countDelivered(dl *delivery) {
	d.metrics.delivered[formatLabel(dl.hook)].Inc()
	if !dl.ev.Received.IsZero() {
		d.metrics.leadAge.Observe(time.Since(dl.ev.Received).Seconds())
	}
	if d.log.Core().Enabled(zap.DebugLevel) { // Check needs more stack than this goroutine has had to have so far
		d.log.Debug("delivered", append(dl.fields(), zap.Int("attempts", dl.history.Attempts), zap.Int("status", dl.outcome.Status))...)
	}
}

func (d *Dispatcher) buryDelivery(ctx context.Context, dl *delivery, reason lead.Reason, text string) error {
	letter := &lead.DeadLetter{Message: *dl.msg, Reason: reason, History: dl.history}
	letter.Error = text
	err := d.bury(ctx, letter)
	if err == nil {
		d.parts.Ledger.Note(dl.ev.LeadID, dl.history.Delivery, dl.mark.Buried())
		d.metrics.ended(string(reason), dl.hook)
	}
	return err
}

// bury hands a letter over and says so in the log once it is safe.
func (d *Dispatcher) bury(ctx context.Context, letter *lead.DeadLetter) error {
	m := &letter.Message
	if err := d.parts.DeadLetters.Bury(ctx, letter); err != nil {
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
		zap.String("delivery_id", dl.history.Delivery),
	}
}

// unsettled is the error for a delivery that the end of ctx kept from its end.
func (dl *delivery) unsettled(cause error) error {
	return fmt.Errorf("delivery %s to webhook %s is not settled: %w", dl.history.Delivery, dl.hook.ID, cause)
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
