package webhooks

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook"
)

// enableCommand makes webhooks active.
type enableCommand struct {
	IDs []string `arg:"" name:"id" complete:"webhook" help:"Webhook ids."`

	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (enableCommand) Help() string {
	return `Sets active: true, and clears the health that the service recorded: that it disabled the webhook, because
its CRM answered 410 or failed for three days, and since when the webhook has been failing. Running
services follow within a second. A seed file that says otherwise sets it back the next time it is seeded.

Examples:
  leadhook webhooks enable 84+TEST_1
  leadhook webhooks list --disabled --host crm.example.com --output json | jq -r .id | xargs leadhook webhooks enable`
}

// Run makes them active.
func (c enableCommand) Run(ctx context.Context, env *cli.Env) error {
	return setActive(ctx, env, c.OutputFlag, c.IDs, true)
}

// disableCommand makes webhooks inactive.
type disableCommand struct {
	IDs []string `arg:"" name:"id" complete:"webhook" help:"Webhook ids."`

	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (disableCommand) Help() string {
	return `Sets active: false, as the advertiser would: leads that come from now on are not sent to it and not kept.
Those on their way become dead letters (webhook_inactive). Running services follow within a second. A
seed file that says otherwise sets it back the next time that it is seeded.

Examples:
  leadhook webhooks disable 84+TEST_1`
}

// Run makes them inactive.
func (c disableCommand) Run(ctx context.Context, env *cli.Env) error {
	return setActive(ctx, env, c.OutputFlag, c.IDs, false)
}

func setActive(ctx context.Context, env *cli.Env, output terminal.OutputFlag, ids []string, active bool) error {
	what := map[bool]string{true: "enabled", false: "disabled"}[active]
	return env.WithStore(ctx, func(store *webhook.Store) error {
		out := output.List(env.Terminal)
		var errs []error
		for _, id := range ids {
			h, changed, err := store.SetActive(ctx, id, active)
			if errors.Is(err, webhook.ErrDamaged) || errors.Is(err, webhook.ErrNoWebhook) {
				errs = append(errs, err)
				continue
			}
			if err != nil {
				return errors.Join(out.End(), errors.Join(errs...), err)
			}
			row := Row{What: what, Webhook: h.ID, Advertiser: h.Advertiser}
			if !changed {
				row.What = string(webhook.Unchanged)
			}
			if err := out.Add(row, row.Line()); err != nil {
				return err
			}
		}
		return errors.Join(out.End(), errors.Join(errs...))
	})
}

// removeCommand removes webhooks.
type removeCommand struct {
	IDs           []string `arg:"" name:"id" complete:"webhook" help:"Webhook ids."`
	IgnoreMissing bool     `help:"Ignore webhooks that do not exist, as when a script runs again."`

	terminal.YesFlag
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (removeCommand) Help() string {
	return `Leads that come from now on are not sent to it; those on their way become dead letters
(webhook_removed). Its id stays its advertiser's for ever. A seed file that still has the webhook adds it
again; leadhook seed --prune removes what the files do not have.

Examples:
  leadhook webhooks remove 84+TEST_1
  leadhook webhooks remove harbor-old harbor-older --yes`
}

// Run removes them, unless one does not exist.
func (c removeCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithStore(ctx, func(store *webhook.Store) error {
		rows, err := c.find(ctx, store)
		if err != nil || len(rows) == 0 {
			return err
		}
		question := fmt.Sprintf("Remove %s?", terminal.Counted(len(rows), "webhook"))
		if len(rows) == 1 {
			question = fmt.Sprintf("Remove webhook %q of %s?", rows[0].Webhook, terminal.Printable(rows[0].Advertiser))
		}
		if err := c.Confirm(ctx, env.Terminal, question); err != nil {
			return err
		}
		out := c.List(env.Terminal)
		for _, row := range rows {
			if err := store.Remove(ctx, row.Webhook); err != nil {
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
func (c removeCommand) find(ctx context.Context, store *webhook.Store) ([]Row, error) {
	var rows []Row
	var missing []error
	for _, id := range c.IDs {
		h, err := store.Find(ctx, id)
		switch {
		case errors.Is(err, webhook.ErrNoWebhook):
			if !c.IgnoreMissing {
				missing = append(missing, err)
			}
		case err != nil:
			return nil, err
		default:
			rows = append(rows, Row{What: string(webhook.Removed), Webhook: id, Advertiser: h.Advertiser})
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("nothing removed: %w", errors.Join(missing...))
	}
	return rows, nil
}
