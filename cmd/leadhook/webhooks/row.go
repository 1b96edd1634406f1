package webhooks

import (
	"fmt"

	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook/entry"
)

// A Row is what became of a webhook, for programs.
type Row struct {
	What       string  `json:"what"`
	Webhook    string  `json:"webhook"` // empty if all that was stored of the advertiser is meant
	Advertiser string  `json:"advertiser"`
	Fields     []Field `json:"fields,omitempty"`
}

// NewRow returns the row of a change.
func NewRow(advertiser string, change entry.WebhookChange) Row {
	row := Row{What: string(change.Action), Webhook: change.Webhook, Advertiser: advertiser}
	for _, f := range change.Fields {
		row.Fields = append(row.Fields, Field{Field: f.Field, Before: f.Before, After: f.After})
	}
	return row
}

// Line returns the row for people.
func (r Row) Line() string {
	about := r.Webhook
	if r.What == string(entry.Discarded) {
		about = "what could not be read"
	}
	return fmt.Sprintf("%-9s %s (%s)", r.What, about, r.Advertiser)
}

// FieldLines returns the fields of the row for people.
func (r Row) FieldLines() []string {
	var lines []string
	for _, f := range r.Fields {
		text := terminal.Dash(f.Before) + " -> " + terminal.Dash(f.After)
		if f.Before == f.After {
			text = "changed"
		}
		lines = append(lines, fmt.Sprintf("%-9s   %s: %s", "", f.Field, text))
	}
	return lines
}

// A Field is what became of a field. Before and After are equal if only what is
// hidden differs.
type Field struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}
