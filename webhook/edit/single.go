package edit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/entry"
)

// SetActive makes a webhook active or inactive, as its advertiser would with a seed.
// Making it active also ends that the service has it disabled, and what is known of its
// failing. It returns the webhook as it is then; changed is false if there was nothing to
// do. The error wraps [webhook.ErrNoWebhook], [webhook.ErrDamaged] or [ErrConflict].
func (e *Editor) SetActive(ctx context.Context, id string, active bool) (hook *lead.Webhook, changed bool, err error) {
	before, err := webhook.Catalog{Log: e.Log}.Find(ctx, id)
	if err != nil {
		return nil, false, err
	}
	changed, err = e.changeOne(ctx, id, func(now *lead.Webhook) (*lead.Webhook, entry.WebhookChange, error) {
		if now.Damaged != "" {
			return nil, entry.WebhookChange{}, fmt.Errorf("webhook %q: %w: %s", id, webhook.ErrDamaged, now.Damaged)
		}
		next := *now
		next.Active = active
		hook = &next
		change := entry.WebhookChange{Webhook: id, Action: entry.Changed, Fields: webhook.Difference(now, &next)}
		if active && (now.Disabled != lead.Disabled{} || before.Failing != lead.Failing{} && before.Version == now.Version) {
			next.Enabled++
			change.Action = entry.Enabled
		} else if len(change.Fields) == 0 {
			return nil, change, nil
		}
		next.Disabled = lead.Disabled{}
		next.Version = entry.Version(&next)
		return &next, change, nil
	})
	return hook, changed, err
}

// Remove removes a webhook. Its id still belongs to its advertiser. A damaged webhook is
// removed like any other. The error wraps [webhook.ErrNoWebhook] or [ErrConflict].
func (e *Editor) Remove(ctx context.Context, id string) error {
	epoch, advertiser, err := e.owner(ctx, id)
	if err != nil {
		return err
	}
	removed := false
	_, err = e.change(ctx, epoch, []string{advertiser}, func(_ string, l *entry.List) (*entry.List, []entry.WebhookChange, error) {
		next := *l
		next.Webhooks = slices.Clone(l.Webhooks)
		if !removeFrom(&next, id) {
			return nil, nil, nil
		}
		removed = true
		return &next, []entry.WebhookChange{{Webhook: id, Action: entry.Removed}}, nil
	})
	if err == nil && !removed {
		return fmt.Errorf("webhook %q: %w", id, webhook.ErrNoWebhook)
	}
	return err
}

// Disable disables a webhook for all instances. It does so only if it still has hook's
// version, since the advertiser may have corrected it meanwhile, and reports whether it
// did. A webhook that is disabled already stays as it is.
func (e *Editor) Disable(ctx context.Context, hook *lead.Webhook, d lead.Disabled) (done bool, err error) {
	if hook.Version == "" {
		return false, nil // never stored, or damaged
	}
	done, err = e.changeOne(ctx, hook.ID, func(now *lead.Webhook) (*lead.Webhook, entry.WebhookChange, error) {
		change := entry.WebhookChange{Webhook: hook.ID, Action: entry.Disabled}
		if now.Version != hook.Version || now.Disabled != (lead.Disabled{}) {
			return nil, change, nil
		}
		next := *now
		next.Disabled = d
		return &next, change, nil
	})
	if errors.Is(err, webhook.ErrNoWebhook) || errors.Is(err, ErrConflict) {
		return false, nil
	}
	return done, err
}

// changeOne changes one webhook, and reports whether it did. do returns nil if there is
// nothing to do.
func (e *Editor) changeOne(ctx context.Context, id string, do func(*lead.Webhook) (*lead.Webhook, entry.WebhookChange, error)) (bool, error) {
	epoch, advertiser, err := e.owner(ctx, id)
	if err != nil {
		return false, err
	}
	done, err := e.change(ctx, epoch, []string{advertiser}, func(_ string, l *entry.List) (*entry.List, []entry.WebhookChange, error) {
		at := slices.IndexFunc(l.Webhooks, func(h *lead.Webhook) bool { return h.ID == id })
		if at < 0 {
			return nil, nil, fmt.Errorf("webhook %q: %w", id, webhook.ErrNoWebhook)
		}
		hook, change, err := do(l.Webhooks[at])
		if err != nil || hook == nil {
			return nil, nil, err
		}
		next := *l
		next.Webhooks = slices.Clone(l.Webhooks)
		next.Webhooks[at] = hook
		return &next, []entry.WebhookChange{change}, nil
	})
	return len(done) > 0, err
}

// owner returns the log's epoch and the advertiser that the id of a webhook belongs to.
func (e *Editor) owner(ctx context.Context, id string) (epoch, advertiser string, err error) {
	if epoch, err = e.Log.Epoch(ctx); err != nil {
		return "", "", err
	}
	key := entry.IDKey(id)
	bases, err := e.Log.Current(ctx, epoch, []string{key})
	if err != nil {
		return "", "", err
	}
	if bases[key].Value == nil {
		return "", "", fmt.Errorf("webhook %q: %w", id, webhook.ErrNoWebhook)
	}
	advertiser, err = e.ownerIn(id, bases[key])
	return epoch, advertiser, err
}
