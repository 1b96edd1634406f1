package webhooks

import "fmt"

// A Row is what became of a webhook, for programs.
type Row struct {
	What       string  `json:"what"`
	Webhook    string  `json:"webhook"`
	Advertiser string  `json:"advertiser"`
	Fields     []Field `json:"fields,omitempty"`
}

// Line returns the row for people.
func (r Row) Line() string { return fmt.Sprintf("%-9s %s (%s)", r.What, r.Webhook, r.Advertiser) }

// A Field is what became of a field. Before and After are equal if only what is
// hidden differs.
type Field struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}
