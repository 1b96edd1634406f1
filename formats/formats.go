// Package formats renders a lead as the body of a POST: as JSON, which is the lead
// object as it was published, or as ADF, the XML that the CRMs of car dealers
// read.
//
// It knows the lead object and the two formats, but not which leads are sent,
// where to, or with which headers. It renders every event that [lead.Decode]
// accepts and never returns an error: producers are careless, and a lead that
// looks odd is better than none. A value of an unexpected type is left out or, in
// the comments of an ADF document, shown unchanged.
package formats

import (
	"cmp"
	"slices"

	"github.com/leadhook/leadhook/lead"
)

// A Body is the body of a POST.
type Body struct {
	ContentType string    // the value of the header Content-Type
	Parts       [3][]byte // to be concatenated; some may be empty. They may alias the event and must not be changed
}

// Bytes returns the body as one new slice.
func (b Body) Bytes() []byte { return slices.Concat(b.Parts[:]...) }

// Render returns the body for one delivery, in the webhook's format, and with the
// webhook's Content-Type if it has one. The same
// event and webhook always give the same bytes.
//
// provider is the name of the service in ADF, unless the webhook has another one:
// CRMs show it as the source of the lead. JSON does not contain it. It may be
// empty; it is not checked.
func Render(ev *lead.Event, hook *lead.Webhook, provider string) Body {
	var body Body
	if hook.Format == lead.ADF {
		body = renderADF(ev, hook, provider)
	} else {
		body = renderJSON(ev)
	}
	body.ContentType = cmp.Or(hook.ContentType, body.ContentType)
	return body
}
