package attempt

import (
	"runtime"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
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

// scrubbing has an element for each attempt that scrubs. A scrubber takes several times the
// memory of its lead, thousands of attempts may fail in the same second, and more of them at
// once than there are processors would not be faster.
var scrubbing = make(chan struct{}, runtime.GOMAXPROCS(0))

// keep takes over what is kept of an answer. Until then, Words and Record are as the CRM wrote
// them. It blocks while other attempts scrub.
func (o *Outcome) keep(r *Request, a *http1.Answer) {
	body, whole := plainBody(a)
	location := ""
	if a.Status/100 == 3 {
		location, _ = lead.ShownLocation(r.Target.hook.URL, a.Field("Location"))
	}
	if len(body) == 0 && location+o.Words+o.Record == "" {
		return
	}
	scrubbing <- struct{}{}
	defer func() { <-scrubbing }()
	s := scrub.New(r.Lead, r.Target.hook)
	o.Answer = s.Excerpt(answer.InUTF8(body), whole && len(a.Body) < scrub.MaxRead)
	o.Location = s.Text(location, maxLocation)
	o.Words, o.Record = s.Text(o.Words, maxWords), s.Record(o.Record, maxRecord)
}
