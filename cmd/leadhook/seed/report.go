package seed

import (
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook"
)

// report prints what became of each webhook, and the counts.
func (c Command) report(env *cli.Env, changes webhook.Changes) error {
	l := c.List(env.Terminal)
	for _, change := range changes {
		if c.Quiet || change.Action == webhook.Unchanged {
			continue
		}
		if err := c.add(l, change); err != nil {
			return err
		}
	}
	if err := l.End(); err != nil {
		return err
	}
	sum := env.Stderr
	if c.Table() {
		sum = env.Stdout
	}
	text := fmt.Sprintf("%d added, %d changed, %d unchanged", changes.Count(webhook.Added),
		changes.Count(webhook.Changed), changes.Count(webhook.Unchanged))
	if c.Prune {
		text += fmt.Sprintf(", %d removed", changes.Count(webhook.Removed))
	}
	if c.DryRun {
		text = "dry run: " + text + "; nothing was written"
	}
	fmt.Fprintln(sum, text)
	return nil
}

func (c Command) add(l *terminal.List, change webhook.Change) error {
	row := webhooks.Row{What: string(change.Action), Webhook: change.Webhook, Advertiser: change.Advertiser}
	if c.DryRun {
		for _, f := range change.Fields {
			row.Fields = append(row.Fields, webhooks.Field{Field: f.Field, Before: f.Before, After: f.After})
		}
	}
	if err := l.Add(row, row.Line()); err != nil || !c.Table() {
		return err
	}
	for _, f := range row.Fields {
		text := terminal.Dash(f.Before) + " -> " + terminal.Dash(f.After)
		if f.Before == f.After {
			text = "changed"
		}
		if err := l.Add(nil, fmt.Sprintf("%-9s   %s: %s", "", f.Field, text)); err != nil {
			return err
		}
	}
	return nil
}
