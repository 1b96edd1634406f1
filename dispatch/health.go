package dispatch

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// healthTime is how long writing a webhook's health record may hold up the
// delivery whose attempt changed it.
const healthTime = time.Second

// reportHealth logs and writes what the attempt that began at the given time changed for
// its webhook. What cannot be written is reported again after a later attempt. end.report
// must not be nil.
func (d *Dispatcher) reportHealth(ctx context.Context, hook *lead.Webhook, at time.Time, end *attemptEnd) {
	r := end.report
	log := d.log.With(zap.String("advertiser_id", hook.Advertiser), zap.String("webhook_id", hook.ID))
	switch {
	case r.Opened:
		log.Warn("webhook is failing; holding its leads and probing",
			zap.Int("status", end.outcome.Status), zap.String("error", end.outcome.Text))
	case r.Closed:
		log.Info("webhook has recovered")
	}
	if r.Warn {
		log.Warn("webhook has been failing for two days; it will be disabled in one day unless it recovers")
		d.metrics.disableSoon.Inc()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTime)
	defer cancel()
	err := errors.Join(d.writeHealth(ctx, hook, at, end), d.disable(ctx, hook, r.Disable, end.outcome.Status, log))
	if err != nil {
		log.Warn("cannot write the health record of a webhook", zap.Error(err))
	}
}

// writeHealth writes what the attempt changed in the webhook's health record.
func (d *Dispatcher) writeHealth(ctx context.Context, hook *lead.Webhook, at time.Time, end *attemptEnd) (err error) {
	r, records := end.report, d.parts.HealthRecords
	if r.Doubts > 0 {
		err = records.NoteDoubt(ctx, hook, r.Doubts, at)
	}
	switch {
	case r.Recovered:
		if failed := records.NoteRecovered(ctx, hook); failed != nil {
			d.limiter.Reannounce(hook)
			err = failed
		}
	case !r.Failing.Since.IsZero():
		err = records.NoteFailing(ctx, hook, r.Failing, failureOf(&end.outcome, at))
		d.limiter.Reannounce(hook)
	}
	return err
}

// failureOf returns what is kept of a failed attempt that began at the given time.
func failureOf(o *attempt.Outcome, at time.Time) lead.Failure {
	return lead.Failure{At: at, Cause: o.Cause(), Status: o.Status, Error: o.Text, Answer: o.Answer}
}

// disable disables a webhook for all instances, if there is a reason.
func (d *Dispatcher) disable(ctx context.Context, hook *lead.Webhook, why lead.Reason, status int, log *zap.Logger) error {
	if why == "" {
		return nil
	}
	by := lead.Disabled{At: time.Now(), Reason: why, Status: status}
	done, err := d.parts.HealthRecords.Disable(ctx, hook, by)
	if done {
		d.metrics.disabled.WithLabelValues(string(why)).Inc()
		message := "webhook disabled: its CRM kept failing for three days"
		if why == lead.Gone {
			message = "webhook disabled: its CRM answered 410 Gone"
		}
		log.Error(message, zap.Int("status", status))
	}
	return err
}
