package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

const (
	// graceTime is how long the result of an attempt may still be written after
	// the partition was taken away or the service was told to stop.
	graceTime = 5 * time.Second

	// handOverMargin is the time from the latest possible end of an attempt until
	// its handed-over delivery is due, so that the ledger knows by then whether it
	// was delivered.
	handOverMargin = time.Second
)

// settle makes the result of a delivery safe: in the retry queue or as a dead
// letter, if it was not delivered. The error means that ctx ended first.
func (d *Dispatcher) settle(ctx context.Context, dl *delivery, r *result) error {
	switch r.kind {
	case delivered:
		d.countDelivered(dl)
		return nil
	case repeated:
		d.metrics.ended(r.kind.String(), dl.hook)
		return nil
	case undecided, asksAgain, scheduled, deferred, handedOver, dead:
	}
	if r.attempted {
		var cancel context.CancelFunc
		ctx, cancel = outliving(ctx, graceTime)
		defer cancel()
	}
	if r.kind == dead {
		return d.buryDelivery(ctx, dl, r.reason, r.text)
	}
	return d.retryLater(ctx, dl, r)
}

// retryLater hands a delivery to the retry queue, or buries it if it will have
// expired by the time it is due.
func (d *Dispatcher) retryLater(ctx context.Context, dl *delivery, r *result) error {
	at := r.at
	if r.kind == scheduled {
		dl.history.Step++
		at = time.Now().Add(r.wait)
	}
	if r.kind == deferred && dl.history.Begun().IsZero() {
		dl.history.FirstDeferral = time.Now()
	}
	if d.expires(dl.history.Begun(), at) {
		return d.buryDelivery(ctx, dl, lead.Expired, d.expiredText(dl))
	}
	w := &lead.Waiting{Message: *dl.msg, NotBefore: at, History: dl.history}
	if r.kind == handedOver { // whoever attempts it next may not learn how the attempt ended
		w.MaybeReceived = true
	}
	if err := d.parts.RetryQueue.Schedule(ctx, w); err != nil {
		return dl.unsettled(err)
	}
	d.parts.Ledger.Note(dl.ev.LeadID, dl.history.Delivery, lead.MarkOf(&dl.history, true))
	d.metrics.ended(r.kind.String(), dl.hook)
	if entry := d.log.Check(zap.DebugLevel, r.kind.String()); entry != nil {
		entry.Write(append(dl.fields(), zap.Int("step", dl.history.Step), zap.Time("not_before", at))...)
	}
	return nil
}

func (d *Dispatcher) expiredText(dl *delivery) string {
	text := fmt.Sprintf("it was not delivered within %v", d.opts.Expire)
	if dl.history.Error != "" {
		text += "; last, " + dl.history.Error
	}
	return text
}

func (d *Dispatcher) countDelivered(dl *delivery) {
	d.metrics.delivered[formatLabel(dl.hook)].Inc()
	if !dl.ev.Received.IsZero() {
		d.metrics.leadAge.Observe(time.Since(dl.ev.Received).Seconds())
	}
	if d.log.Core().Enabled(zap.DebugLevel) { // Check would make this goroutine's stack grow
		d.log.Debug("delivered", append(dl.fields(), zap.Int("attempts", dl.history.Attempts), zap.Int("status", dl.history.Status))...)
	}
}

// buryDelivery makes a dead letter of a delivery, and blocks until it is safe.
func (d *Dispatcher) buryDelivery(ctx context.Context, dl *delivery, reason lead.Reason, text string) error {
	letter := &lead.DeadLetter{Message: *dl.msg, Reason: reason, History: dl.history}
	letter.Error = text
	buried, err := d.bury(ctx, letter)
	switch {
	case err != nil:
		return err
	case buried:
		d.parts.Ledger.Note(dl.ev.LeadID, dl.history.Delivery, dl.mark.Buried())
		d.metrics.ended(string(reason), dl.hook)
	default: // not Buried: what comes back would count as repeated
		d.parts.Ledger.Note(dl.ev.LeadID, dl.history.Delivery, lead.MarkOf(&dl.history, true))
		d.metrics.ended(deferred.String(), dl.hook)
	}
	return nil
}

// bury writes a dead letter, and logs it once it is safe. While dead letters cannot be
// written, it goes to the retry queue instead, to be written when it comes back; bury
// then returns false.
func (d *Dispatcher) bury(ctx context.Context, letter *lead.DeadLetter) (buried bool, err error) {
	m := &letter.Message
	err = d.parts.DeadLetters.Bury(ctx, letter)
	if buried = !errors.Is(err, lead.ErrAway); !buried {
		err = d.parts.RetryQueue.Schedule(ctx, &lead.Waiting{
			Message: *m, NotBefore: putOffUntil(letter.Received), Reason: letter.Reason, History: letter.History,
		})
	}
	if err != nil {
		return false, fmt.Errorf("bury %s/%d/%d (%s): %w", m.Topic, m.Partition, m.Offset, letter.Reason, err)
	}
	if !buried {
		d.metrics.putOffDead.Inc()
		return false, nil
	}
	d.log.Warn("dead letter",
		zap.String("topic", m.Topic), zap.Int("partition", m.Partition), zap.Int64("offset", m.Offset),
		zap.String("advertiser_id", letter.Advertiser), zap.String("webhook_id", letter.Webhook),
		zap.String("delivery_id", letter.Delivery), zap.Int("attempts", letter.Attempts),
		zap.Int("status", letter.Status), zap.String("reason", string(letter.Reason)),
		zap.String("error", letter.Error))
	return true, nil
}

// What is put off since something of ours is away comes back after a quarter of its age,
// from 10 seconds to 5 minutes. So it is not much later than it is anyway, and the longer
// an outage lasts, the less traffic it causes.
const soonestBack, latestBack = 10 * time.Second, 5 * time.Minute

// putOffUntil returns when a lead comes back that was first published at the given time.
func putOffUntil(received time.Time) time.Time {
	now := time.Now()
	return now.Add(min(max(now.Sub(received)/4, soonestBack), latestBack))
}

// outliving returns a context that lasts longer than ctx by the given time. The caller
// must call the function that it returns.
func outliving(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(by, func() { cancel(context.Cause(ctx)) })
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}
