package seed

import (
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/entry"
)

// report prints what became of each webhook, and the counts.
func (c Command) report(env *cli.Env, changes edit.Changes) error {
	l := c.List(env.Terminal)
	for _, change := range changes {
		if c.Quiet || change.Action == edit.Unchanged {
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
	text := fmt.Sprintf("%d added, %d changed, %d unchanged", changes.Count(entry.Added),
		changes.Count(entry.Changed), changes.Count(edit.Unchanged))
	if c.Prune {
		text += fmt.Sprintf(", %d removed", changes.Count(entry.Removed))
	}
	if n := changes.Count(entry.Discarded); n > 0 {
		text += fmt.Sprintf("; of %s all was replaced that could not be read", terminal.Counted(n, "advertiser"))
	}
	if c.DryRun {
		text = "dry run: " + text + "; nothing was written"
	}
	fmt.Fprintln(sum, text)
	return nil
}

func (c Command) add(l *terminal.List, change edit.Change) error {
	row := webhooks.NewRow(change.Advertiser, change.WebhookChange)
	if !c.DryRun {
		row.Fields = nil
	}
	if err := l.Add(row, row.Line()); err != nil || !c.Table() {
		return err
	}
	for _, line := range row.FieldLines() {
		if err := l.Add(nil, line); err != nil {
			return err
		}
	}
	return nil
}
