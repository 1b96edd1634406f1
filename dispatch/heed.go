package dispatch

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// standingTime is how long writing down what was learnt about a webhook may
// hold up the delivery that taught it.
const standingTime = time.Second

// heed says and writes down what an attempt taught about its webhook. What
// cannot be written is learnt again by a later attempt.
func (d *Dispatcher) heed(ctx context.Context, dl *delivery) {
	l := dl.lesson
	if l == (limiter.Report{}) {
		return
	}
	log := d.log.With(zap.String("advertiser_id", dl.hook.Advertiser), zap.String("webhook_id", dl.hook.ID))
	switch {
	case l.Opened:
		log.Warn("a webhook fails: its leads wait, and one now and then is tried",
			zap.Int("status", dl.outcome.Status), zap.String("error", dl.outcome.Text))
	case l.Closed:
		log.Info("a webhook works again")
	}
	if l.Warn {
		log.Warn("a webhook has been failing for two days or more and will be set inactive in one, unless it works again")
		d.metrics.disableSoon.Inc()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingTime)
	defer cancel()
	var err error
	switch {
	case l.Disable != "":
		err = d.disable(ctx, dl, l.Disable, log)
	case l.Recovered:
		if err = d.parts.Standing.NoteRecovered(ctx, dl.hook); err != nil {
			d.limiter.Reannounce(dl.hook)
		}
	case !l.Failing.Since.IsZero():
		err = d.parts.Standing.NoteFailing(ctx, dl.hook, l.Failing)
		d.limiter.Reannounce(dl.hook)
	}
	if err != nil {
		log.Warn("what was found out about a webhook could not be written", zap.Error(err))
	}
}

// disable sets a webhook inactive for all instances.
func (d *Dispatcher) disable(ctx context.Context, dl *delivery, why lead.Reason, log *zap.Logger) error {
	by := lead.Disabled{At: time.Now(), Reason: why, Status: dl.outcome.Status}
	done, err := d.parts.Standing.Disable(ctx, dl.hook, by)
	if done {
		d.metrics.disabled.WithLabelValues(string(why)).Inc()
		log.Error("the service set a webhook inactive: "+by.String(), zap.Int("status", by.Status))
	}
	return err
}
