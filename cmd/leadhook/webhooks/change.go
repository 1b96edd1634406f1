package webhooks

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
)

// enableCommand makes webhooks active.
type enableCommand struct {
	IDs []string `arg:"" name:"id" complete:"webhook" help:"Webhook ids."`

	cli.ActorFlag
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (enableCommand) Help() string {
	return `Sets active: true, and clears the health that the service recorded: that it disabled the webhook, because
its CRM answered 410 or failed for three days, and since when the webhook has been failing. Running
services follow at once. A seed file that says otherwise sets it back the next time it is seeded.

Examples:
  leadhook webhooks enable 84+TEST_1
  leadhook webhooks list --disabled --host crm.example.com --output json | jq -r .id | xargs leadhook webhooks enable`
}

// Run makes them active.
func (c enableCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		return setActive(ctx, env, c.Editor(env, log, "leadhook webhooks enable"), c.OutputFlag, c.IDs, true)
	})
}

// disableCommand makes webhooks inactive.
type disableCommand struct {
	IDs []string `arg:"" name:"id" complete:"webhook" help:"Webhook ids."`

	cli.ActorFlag
	terminal.YesFlag
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (disableCommand) Help() string {
	return `Sets active: false, as the advertiser would: leads from now on are not sent to it and not kept. Those on
their way become dead letters (webhook_inactive). Running services follow at once. A seed file that says
otherwise sets it back the next time that it is seeded.

Examples:
  leadhook webhooks disable 84+TEST_1
  leadhook webhooks disable harbor-old harbor-older --yes --actor "ops, ticket 4711"`
}

// Run makes them inactive.
func (c disableCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		if err := c.ask(ctx, env, webhook.Catalog{Log: log}); err != nil {
			return err
		}
		return setActive(ctx, env, c.Editor(env, log, "leadhook webhooks disable"), c.OutputFlag, c.IDs, false)
	})
}

// ask asks whether those that are active shall become inactive.
func (c disableCommand) ask(ctx context.Context, env *cli.Env, catalog webhook.Catalog) error {
	var active []*lead.Webhook
	for _, id := range c.IDs {
		h, err := catalog.Find(ctx, id)
		if err != nil && !errors.Is(err, webhook.ErrNoWebhook) {
			return err
		}
		if err == nil && h.Active {
			active = append(active, h)
		}
	}
	switch len(active) {
	case 0:
		return nil
	case 1:
		return c.Confirm(ctx, env.Terminal, fmt.Sprintf("Disable webhook %q of %s? Leads from now on are not sent to it and not kept.",
			active[0].ID, terminal.Printable(active[0].Advertiser)))
	}
	return c.Confirm(ctx, env.Terminal, fmt.Sprintf("Disable %d webhooks? Leads from now on are not sent to them and not kept.", len(active)))
}

func setActive(ctx context.Context, env *cli.Env, editor *edit.Editor, output terminal.OutputFlag, ids []string, active bool) error {
	what := map[bool]string{true: "enabled", false: "disabled"}[active]
	out := output.List(env.Terminal)
	var errs []error
	for _, id := range ids {
		h, changed, err := editor.SetActive(ctx, id, active)
		if errors.Is(err, webhook.ErrDamaged) || errors.Is(err, webhook.ErrNoWebhook) || errors.Is(err, edit.ErrConflict) {
			errs = append(errs, err)
			continue
		}
		if err != nil {
			return errors.Join(out.End(), errors.Join(errs...), err)
		}
		row := Row{What: what, Webhook: h.ID, Advertiser: h.Advertiser}
		if !changed {
			row.What = string(edit.Unchanged)
		}
		if err := out.Add(row, row.Line()); err != nil {
			return err
		}
	}
	return errors.Join(out.End(), errors.Join(errs...))
}

// removeCommand removes webhooks.
type removeCommand struct {
	IDs           []string `arg:"" name:"id" complete:"webhook" help:"Webhook ids."`
	IgnoreMissing bool     `help:"Ignore webhooks that do not exist, as when a script runs again."`

	cli.ActorFlag
	terminal.YesFlag
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (removeCommand) Help() string {
	return `Leads from now on are not sent to it and not kept; those on their way become dead letters
(webhook_removed). Its id stays its advertiser's for ever. A seed file that still has the webhook adds it
again; leadhook seed --prune removes what the files do not have.

Examples:
  leadhook webhooks remove 84+TEST_1
  leadhook webhooks remove harbor-old harbor-older --yes`
}

// Run removes them, unless one does not exist.
func (c removeCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		rows, err := c.find(ctx, webhook.Catalog{Log: log})
		if err != nil || len(rows) == 0 {
			return err
		}
		question := fmt.Sprintf("Remove %d webhooks? Leads from now on are not sent to them and not kept.", len(rows))
		if len(rows) == 1 {
			question = fmt.Sprintf("Remove webhook %q of %s? Leads from now on are not sent to it and not kept.",
				rows[0].Webhook, terminal.Printable(rows[0].Advertiser))
		}
		if err := c.Confirm(ctx, env.Terminal, question); err != nil {
			return err
		}
		out, editor := c.List(env.Terminal), c.Editor(env, log, "leadhook webhooks remove")
		for _, row := range rows {
			if err := editor.Remove(ctx, row.Webhook); err != nil {
				return errors.Join(out.End(), err)
			}
			if err := out.Add(row, row.Line()); err != nil {
				return err
			}
		}
		return out.End()
	})
}

// find looks up the webhooks. The error names all that do not exist.
func (c removeCommand) find(ctx context.Context, catalog webhook.Catalog) ([]Row, error) {
	var rows []Row
	var missing []error
	for _, id := range c.IDs {
		h, err := catalog.Find(ctx, id)
		switch {
		case errors.Is(err, webhook.ErrNoWebhook):
			if !c.IgnoreMissing {
				missing = append(missing, err)
			}
		case err != nil:
			return nil, err
		default:
			rows = append(rows, Row{What: string(entry.Removed), Webhook: id, Advertiser: h.Advertiser})
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("nothing removed: %w", errors.Join(missing...))
	}
	return rows, nil
}
