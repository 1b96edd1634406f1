package webhooks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/retries"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/follow"
)

// listCommand shows a page of webhooks.
type listCommand struct {
	filter

	Limit       int    `short:"n" default:"50" help:"Show at most this many; 0 for all."`
	After       string `placeholder:"ID" complete:"webhook" help:"Begin after this webhook: the last one of the page before."`
	ShowSecrets bool   `help:"Show secrets, and all of URLs, instead of ***."`

	terminal.OutputFlag

	waiting map[string]int // how many wait for each webhook; nil: not counted
}

// Help returns what --help shows beside the flags.
func (*listCommand) Help() string {
	return `The order is leadhook's own (that of a hash of the ids, and by id with --advertiser) and never changes,
so that pages fit together whatever is added or removed meanwhile. STATE is active, inactive (its advertiser
wants no leads: they are not sent to it and not kept), disabled (by the service: its leads become dead
letters), failing (its last five attempts failed, or all over an hour; with --failing, WAITING is how many
leads wait for it: leadhook retries list shows them), or damaged (what is stored of it cannot be used: its
leads become dead letters).

Examples:
  leadhook webhooks list
  leadhook webhooks list --advertiser USA_332240 --active
  leadhook webhooks list --host crm.example.com --failing
  leadhook webhooks list --limit 0 --output json | jq -r 'select(.state == "disabled") | .id'`
}

// Run lists the page.
func (c *listCommand) Run(ctx context.Context, env *cli.Env) error {
	if c.Limit < 0 {
		return &terminal.UsageError{Err: errors.New("webhooks list: --limit must not be negative")}
	}
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		out := c.heading(env)
		shown, err := c.page(ctx, env, webhook.Catalog{Log: log}, out)
		if err := errors.Join(out.End(), err); err != nil {
			return err
		}
		if len(shown) == 0 {
			fmt.Fprintln(env.Stderr, "no webhooks")
		}
		if shown["inactive"] && c.Table() {
			fmt.Fprintln(env.Stderr, "inactive: leads are not sent to it and not kept")
		}
		return nil
	})
}

// heading begins the list. Of webhooks that fail it shows how, instead of what they are.
func (c *listCommand) heading(env *cli.Env) *terminal.List {
	if c.Failing {
		return c.List(env.Terminal, "ID", "ADVERTISER", "STATE", "SINCE", "ATTEMPTS", "WAITING", "STATUS", "URL", "WHY").Spare("STATE", "URL", "ADVERTISER")
	}
	return c.List(env.Terminal, "ID", "ADVERTISER", "STATE", "EVENT", "LEAD TYPES", "FORMAT", "URL").Spare("FORMAT", "LEAD TYPES", "EVENT")
}

// countWaiting counts how many leads wait for webhooks that fail. If it cannot, it says so.
func (c *listCommand) countWaiting(ctx context.Context, env *cli.Env) {
	if !c.Failing {
		return
	}
	var err error
	if c.waiting, err = retries.Count(ctx, env, c.Advertiser); err != nil {
		fmt.Fprintf(env.Stderr, "leadhook: how many wait is not known: %v\n", err)
	}
}

// waitingFor returns how many wait for a webhook, and puts it into view.
func (c *listCommand) waitingFor(h *lead.Webhook, view *View) string {
	if c.waiting == nil {
		return "-"
	}
	view.Waiting = new(c.waiting[h.ID])
	return strconv.Itoa(*view.Waiting)
}

// page lists the page, and returns the states of the webhooks in it.
func (c *listCommand) page(ctx context.Context, env *cli.Env, catalog webhook.Catalog, out *terminal.List) (states map[string]bool, err error) {
	states = make(map[string]bool)
	n, last := 0, ""
	for h, err := range c.each(ctx, catalog, c.After) {
		if err != nil {
			return states, err
		}
		if c.Limit > 0 && n == c.Limit {
			fmt.Fprintf(env.Stderr, "there are more: continue with --after %s\n", terminal.Printable(last))
			break
		}
		if n == 0 { // where nothing fails, no topic need be read
			c.countWaiting(ctx, env)
		}
		if err := c.add(out, h); err != nil {
			return states, err
		}
		states[state(h)] = true
		n, last = n+1, h.ID
	}
	return states, nil
}

func (c *listCommand) add(out *terminal.List, h *lead.Webhook) error {
	view := viewOf(h, c.ShowSecrets)
	if f := h.LastFailure; c.Failing {
		waiting := c.waitingFor(h, &view)
		return out.Add(view, terminal.Dash(h.ID), terminal.Dash(h.Advertiser), view.State, h.Failing.Since.UTC().Format(time.RFC3339),
			strconv.Itoa(h.Failing.Attempts), waiting, terminal.Dash(terminal.Number(f.Status)), terminal.Dash(view.URL), terminal.Dash(f.Error))
	}
	return out.Add(view, terminal.Dash(h.ID), terminal.Dash(h.Advertiser), view.State, terminal.Dash(string(h.Trigger)), terminal.Dash(h.LeadTypes.String()),
		terminal.Dash(string(h.Format)), terminal.Dash(view.URL))
}
