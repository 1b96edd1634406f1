package formats

import "github.com/leadhook/leadhook/lead"

// renderJSON wraps the lead object without touching it: numbers beyond 2^53,
// unknown fields, the order and the blanks arrive as they were published.
func renderJSON(ev *lead.Event) Body {
	const before, after = `{"lead": `, `}`
	b := make([]byte, 0, len(before)+len(ev.Lead)+len(after))
	b = append(b, before...)
	b = append(b, ev.Lead...)
	b = append(b, after...)
	return Body{ContentType: "application/json", Bytes: b}
}
