package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

// webhooksList shows a page of webhooks.
type webhooksList struct {
	webhookFilter

	Limit       int    `short:"n" default:"50" help:"How many; 0 for all."`
	After       string `placeholder:"ID" complete:"webhook" help:"Begin behind this webhook: the last one of the page before."`
	ShowSecrets bool   `help:"Show secrets and the queries of URLs instead of ***."`

	outputFlag
}

// Help is what --help says beyond the flags.
func (webhooksList) Help() string {
	return `The order is leadhook's own (that of a hash of the ids, and by id with --advertiser) and never changes,
so that pages fit together whatever is added or removed meanwhile. STATE is active, inactive (set so in
the seed file), disabled (set inactive by the service), failing (every attempt of late), or damaged.

Examples:
  leadhook webhooks list
  leadhook webhooks list --advertiser USA_332240 --active
  leadhook webhooks list --host crm.example.com --failing
  leadhook webhooks list --limit 0 --output json | jq -r 'select(.state == "disabled") | .id'`
}

// Run lists.
func (c webhooksList) Run(ctx context.Context, w *world) error {
	if c.Limit < 0 {
		return &usageError{errors.New("webhooks list: --limit must not be negative")}
	}
	return w.withStore(ctx, func(store *webhook.Store) error {
		out := c.list(w, "ID", "ADVERTISER", "STATE", "EVENT", "LEAD TYPES", "FORMAT", "URL")
		shown, last := 0, ""
		for h, err := range c.each(ctx, store, c.After) {
			if err != nil {
				return errors.Join(out.end(), err)
			}
			if c.Limit > 0 && shown == c.Limit {
				fmt.Fprintf(w.stderr, "there are more: go on with --after %s\n", printable(last))
				break
			}
			if err := c.add(out, h); err != nil {
				return err
			}
			shown, last = shown+1, h.ID
		}
		if shown == 0 {
			fmt.Fprintln(w.stderr, "no webhooks")
		}
		return out.end()
	})
}

func (c webhooksList) add(out *list, h *lead.Webhook) error {
	view := viewOf(h, c.ShowSecrets)
	return out.add(view, h.ID, h.Advertiser, view.State, dash(string(h.Trigger)), dash(h.LeadTypes.String()),
		dash(string(h.Format)), dash(view.URL))
}
