package dispatch

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

// healthTime is how long writing a webhook's health record may hold up the
// delivery whose attempt changed it.
const healthTime = time.Second

// reportHealth logs and writes what an attempt changed for its webhook. What
// cannot be written is reported again after a later attempt.
func (d *Dispatcher) reportHealth(ctx context.Context, hook *lead.Webhook, a *attempted) {
	r := a.report
	log := d.log.With(zap.String("advertiser_id", hook.Advertiser), zap.String("webhook_id", hook.ID))
	switch {
	case r.Opened:
		log.Warn("a webhook fails: its leads wait, and one now and then is tried",
			zap.Int("status", a.outcome.Status), zap.String("error", a.outcome.Text))
	case r.Closed:
		log.Info("a webhook works again")
	}
	if r.Warn {
		log.Warn("a webhook has been failing for two days or more and will be set inactive in one, unless it works again")
		d.metrics.disableSoon.Inc()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTime)
	defer cancel()
	var err error
	switch {
	case r.Disable != "":
		err = d.disable(ctx, hook, r.Disable, a.outcome.Status, log)
	case r.Recovered:
		if err = d.parts.Standing.NoteRecovered(ctx, hook); err != nil {
			d.limiter.Reannounce(hook)
		}
	case !r.Failing.Since.IsZero():
		err = d.parts.Standing.NoteFailing(ctx, hook, r.Failing)
		d.limiter.Reannounce(hook)
	}
	if err != nil {
		log.Warn("what was found out about a webhook could not be written", zap.Error(err))
	}
}

// disable sets a webhook inactive for all instances.
func (d *Dispatcher) disable(ctx context.Context, hook *lead.Webhook, why lead.Reason, status int, log *zap.Logger) error {
	by := lead.Disabled{At: time.Now(), Reason: why, Status: status}
	done, err := d.parts.Standing.Disable(ctx, hook, by)
	if done {
		d.metrics.disabled.WithLabelValues(string(why)).Inc()
		log.Error("the service set a webhook inactive: "+by.String(), zap.Int("status", by.Status))
	}
	return err
}
