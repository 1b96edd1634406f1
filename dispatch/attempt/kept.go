package attempt

import (
	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/scrub"
)

// Kept is what is kept of what a CRM said: valid UTF-8 on one line, without what it said of
// the lead and of the webhook's secrets (package scrub). Empty if it said no such thing, or,
// outside of [Client.Observe] and [Request.Judge], if the lead was delivered.
type Kept struct {
	Answer   string // the beginning of the body, at most 1 KiB
	Location string // where a 3xx leads: see [lead.ShownLocation]
	Words    string // the CRM's own words, where a rule says where they are
	Record   string // the CRM's id of the lead, likewise
}

const maxWords, maxRecord, maxLocation = 256, 128, 300 // bytes

// keep takes over what is kept of an answer, which is nil if none came. Until then, Words and
// Record are as the CRM wrote them.
func (o *Outcome) keep(r *Request, a *http1.Answer) {
	if a == nil {
		return
	}
	body, whole := plainBody(a)
	location := ""
	if a.Status/100 == 3 {
		location, _ = lead.ShownLocation(r.Target.hook.URL, a.Field("Location"))
	}
	if len(body) == 0 && location+o.Words+o.Record == "" {
		return
	}
	s := r.scrubber()
	o.Answer = s.Excerpt(body, whole && len(body) < scrub.MaxRead)
	o.Location = s.Text(location, maxLocation)
	o.Words, o.Record = s.Text(o.Words, maxWords), s.Record(o.Record, maxRecord)
}
