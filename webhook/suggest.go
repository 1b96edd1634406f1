package webhook

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
)

// SuggestWebhooks returns webhooks whose ids begin with prefix, sorted: at most the given
// number, and only those that could be read from Redis before ctx ended. It asks Redis
// alone, which may be behind, and returns no error: it completes what a person types, who
// can do without it.
func (c Catalog) SuggestWebhooks(ctx context.Context, prefix string, most int) []*lead.Webhook {
	epoch, _, _, _ := c.Log.Shares.Hint(ctx)
	wanted := make(map[string][]string) // ids by advertiser
	n := 0
	for r := range c.Log.Shares.Some(ctx, epoch, entry.IDKey(prefix)) {
		id, _ := entry.WebhookOf(r.Key)
		o := c.owner(id, r.Value)
		if !strings.HasPrefix(id, prefix) || o.unreadable != nil || slices.Contains(wanted[o.advertiser], id) {
			continue
		}
		wanted[o.advertiser] = append(wanted[o.advertiser], id)
		if n++; n == most {
			break
		}
	}
	var found []*lead.Webhook
	advertisers := slices.Collect(maps.Keys(wanted))
	for i, a := range c.Log.Shares.Get(ctx, epoch, advertisers) {
		l, err := c.open(advertisers[i], a.Value)
		if err != nil {
			continue
		}
		for _, id := range wanted[advertisers[i]] {
			if h := l.Webhook(id); h != nil { // an id stays when its webhook is removed
				found = append(found, h)
			}
		}
	}
	slices.SortFunc(found, func(a, b *lead.Webhook) int { return strings.Compare(a.ID, b.ID) })
	return found
}

// SuggestAdvertisers is [Catalog.SuggestWebhooks] for the ids of advertisers that have, or
// had, webhooks.
func (c Catalog) SuggestAdvertisers(ctx context.Context, prefix string, most int) []string {
	epoch, _, _, _ := c.Log.Shares.Hint(ctx)
	found := make(map[string]bool)
	for r := range c.Log.Shares.Some(ctx, epoch, prefix) {
		if entry.IsAdvertiser(r.Key) && strings.HasPrefix(r.Key, prefix) {
			found[r.Key] = true
		}
		if len(found) == most {
			break
		}
	}
	return slices.Sorted(maps.Keys(found))
}
