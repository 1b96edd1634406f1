package webhook

import (
	"context"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/shares"
)

// NoteFailing notes for all instances since when a webhook has been failing. It is about
// this version of it: of any other nothing is known then. What is noted may be lost with
// Redis; then the webhook counts as failing from its next failed attempt on. An instance
// that has the webhook cached does not see it before the webhook changes.
func (c *Cache) NoteFailing(ctx context.Context, hook *lead.Webhook, failing lead.Failing) error {
	if hook.Version == "" {
		return nil // never stored, or damaged
	}
	defer c.drop(hook.Advertiser)
	return c.log.Shares.NoteFailing(ctx, hook.Advertiser, hook.ID, hook.Version, failing)
}

// NoteRecovered removes what [Cache.NoteFailing] noted of this version of a webhook. It
// does not enable a webhook that the service disabled.
func (c *Cache) NoteRecovered(ctx context.Context, hook *lead.Webhook) error {
	if hook.Version == "" {
		return nil
	}
	defer c.drop(hook.Advertiser)
	return c.log.Shares.NoteRecovered(ctx, hook.Advertiser, hook.ID, hook.Version)
}

// drop makes the next look-up of an advertiser ask Redis.
func (c *Cache) drop(advertiser string) {
	c.loads.mu.Lock()
	defer c.loads.mu.Unlock()
	delete(c.loads.calls, advertiser)
	c.entries.Invalidate(advertiser)
}

// withFailing sets since when a webhook has been failing, if that is known of this
// version of it.
func withFailing(h *lead.Webhook, known map[string]shares.Failing) {
	if f, ok := known[h.ID]; ok && f.Version == h.Version && h.Damaged == "" {
		h.Failing = f.Failing
	}
}
