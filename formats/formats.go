// Package formats turns a lead into the body of a POST: JSON, which passes the
// lead object on as it was published, or ADF, the XML that the CRMs of car
// dealers read.
//
// It knows the lead object and the two formats. Which leads are sent, where to
// and with which headers is decided elsewhere. Rendering takes every event
// that [lead.Decode] accepts: producers are untidy, and a lead that looks odd
// is better than none. So nothing here fails; what cannot be read as expected
// is left out or, in ADF's comments, shown as it stands.
package formats

import (
	"slices"

	"github.com/leadhook/leadhook/lead"
)

// A Body is what a POST carries.
type Body struct {
	ContentType string    // the value of the header Content-Type
	Parts       [3][]byte // one behind the other, some perhaps empty; they may be parts of the event, and must not be changed
}

// Bytes returns the body in one piece, which is the caller's.
func (b Body) Bytes() []byte { return slices.Concat(b.Parts[:]...) }

// Render gives the body for one delivery, in the webhook's format. The same
// event and webhook give the same bytes every time.
//
// provider names the service in ADF, where the webhook does not say another
// name: CRMs show it as the lead's source. JSON does not have it. It is not
// checked, and an empty one gives an empty name.
func Render(ev *lead.Event, hook *lead.Webhook, provider string) Body {
	if hook.Format == lead.ADF {
		return renderADF(ev, hook, provider)
	}
	return renderJSON(ev)
}
