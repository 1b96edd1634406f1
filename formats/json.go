package formats

import "github.com/leadhook/leadhook/lead"

var beforeLead, afterLead = []byte(`{"lead": `), []byte(`}`)

// renderJSON wraps the lead object without touching it: numbers beyond 2^53,
// unknown fields, the order and the blanks arrive as they were published.
func renderJSON(ev *lead.Event) Body {
	return Body{ContentType: "application/json", Parts: [...][]byte{beforeLead, ev.Lead, afterLead}}
}
