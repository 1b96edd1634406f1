package formats

import "github.com/leadhook/leadhook/lead"

var beforeLead, afterLead = []byte(`{"lead": `), []byte(`}`)

// renderJSON wraps the unchanged lead object: numbers beyond 2^53, unknown fields,
// order and white space arrive as they were published.
func renderJSON(ev *lead.Event) Body {
	return Body{ContentType: "application/json", Parts: [...][]byte{beforeLead, ev.Lead, afterLead}}
}
