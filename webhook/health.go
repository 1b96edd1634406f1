package webhook

import (
	"context"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/shares"
)

// NoteFailing notes for all instances since when a webhook has been failing, and how the
// last attempt did. It is about this version of it: of any other nothing is known then.
// What is noted may be lost with Redis; then the webhook counts as failing from its next
// failed attempt on. An instance that has the webhook cached does not see it before the
// webhook changes.
func (c *Cache) NoteFailing(ctx context.Context, hook *lead.Webhook, failing lead.Failing, last lead.Failure) error {
	return c.note(hook, func() error {
		return c.log.Shares.NoteFailing(ctx, hook.Advertiser, hook.ID, hook.Version, failing, last)
	})
}

// NoteRecovered removes since when this version of a webhook has been failing, and keeps
// how it did last. It does not enable a webhook that the service disabled.
func (c *Cache) NoteRecovered(ctx context.Context, hook *lead.Webhook) error {
	return c.note(hook, func() error {
		return c.log.Shares.NoteRecovered(ctx, hook.Advertiser, hook.ID, hook.Version)
	})
}

// NoteDoubt adds deliveries with doubt to what is known of a webhook; the last of them was
// at the given time.
func (c *Cache) NoteDoubt(ctx context.Context, hook *lead.Webhook, deliveries int, last time.Time) error {
	return c.note(hook, func() error {
		return c.log.Shares.NoteDoubt(ctx, hook.Advertiser, hook.ID, hook.Version, deliveries, last)
	})
}

// note notes something of a webhook, unless that was never stored, or is damaged.
func (c *Cache) note(hook *lead.Webhook, noting func() error) error {
	if hook.Version == "" {
		return nil
	}
	defer c.drop(hook.Advertiser)
	return noting()
}

// drop makes the next look-up of an advertiser ask Redis.
func (c *Cache) drop(advertiser string) {
	c.loads.mu.Lock()
	defer c.loads.mu.Unlock()
	delete(c.loads.calls, advertiser)
	c.entries.Invalidate(advertiser)
}

// withHealth sets what is known of this version of a webhook.
func withHealth(h *lead.Webhook, known map[string]shares.Health) {
	if noted, ok := known[h.ID]; ok && noted.Version == h.Version && h.Damaged == "" {
		h.Health = noted.Health
	}
}
