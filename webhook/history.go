package webhook

import (
	"context"
	"fmt"
	"slices"

	"github.com/leadhook/leadhook/webhook/entry"
)

// History reads the last changes of an advertiser's webhooks, the newest first, and those
// of one webhook if it is given the id of one. What is both is taken for an advertiser.
// The advertiser is empty if there never was anything of that name.
func (c Catalog) History(ctx context.Context, name string) (advertiser string, changes []entry.Change, err error) {
	epoch, err := c.epoch(ctx)
	if err != nil {
		return "", nil, err
	}
	l, err := c.list(ctx, epoch, name)
	if err != nil {
		return "", nil, err
	}
	if len(l.History) > 0 {
		return name, l.History, nil
	}
	owners, err := c.owners(ctx, epoch, []string{name})
	owner, ok := owners[name]
	if err != nil || !ok {
		return "", nil, err
	}
	if owner.unreadable != nil {
		return "", nil, fmt.Errorf("webhook %q: whose id it is cannot be read: %w", name, owner.unreadable)
	}
	if l, err = c.list(ctx, epoch, owner.advertiser); err != nil {
		return "", nil, err
	}
	return owner.advertiser, only(name, l.History), nil
}

// only returns what changes did with one webhook. Changes that no longer say what they
// did stay as they are.
func only(webhook string, changes []entry.Change) []entry.Change {
	var about []entry.Change
	for _, change := range changes {
		if change.Webhooks == nil {
			about = append(about, change)
			continue
		}
		change.Webhooks = slices.DeleteFunc(slices.Clone(change.Webhooks), func(w entry.WebhookChange) bool {
			return w.Webhook != webhook && w.Action != entry.Discarded
		})
		if len(change.Webhooks) > 0 {
			about = append(about, change)
		}
	}
	return about
}
