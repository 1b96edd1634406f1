package main

import (
	"fmt"

	"github.com/leadhook/leadhook/webhook"
)

// seedJSON is what became of a webhook, for programs.
type seedJSON struct {
	What       string      `json:"what"`
	Webhook    string      `json:"webhook"`
	Advertiser string      `json:"advertiser"`
	Fields     []fieldJSON `json:"fields,omitempty"`
}

// line is the same for people.
func (r seedJSON) line() string { return fmt.Sprintf("%-9s %s (%s)", r.What, r.Webhook, r.Advertiser) }

// fieldJSON is what became of a field. Where only what is hidden differs,
// before and after are the same.
type fieldJSON struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// report says what became of each webhook, and how many there were of each kind.
func (c seedCommand) report(w *world, changes webhook.Changes) error {
	l := c.list(w)
	for _, change := range changes {
		if c.Quiet || change.What == webhook.Unchanged {
			continue
		}
		if err := c.add(l, change); err != nil {
			return err
		}
	}
	if err := l.end(); err != nil {
		return err
	}
	sum := w.stderr
	if c.table() {
		sum = w.stdout
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

func (c seedCommand) add(l *list, change webhook.Change) error {
	row := seedJSON{What: string(change.What), Webhook: change.Webhook, Advertiser: change.Advertiser}
	if c.DryRun {
		for _, f := range change.Fields {
			row.Fields = append(row.Fields, fieldJSON{f.Field, f.Before, f.After})
		}
	}
	if err := l.add(row, row.line()); err != nil || !c.table() {
		return err
	}
	for _, f := range row.Fields {
		text := dash(f.Before) + " -> " + dash(f.After)
		if f.Before == f.After {
			text = "changed"
		}
		if err := l.add(nil, fmt.Sprintf("%-9s   %s: %s", "", f.Field, text)); err != nil {
			return err
		}
	}
	return nil
}
