package attempt

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
)

// A Request is what one attempt sends.
type Request struct {
	Target     *Target
	DeliveryID string
	Number     int // of the attempt; the first one is 1
	Trigger    lead.Trigger
	Test       bool // whether the lead is a test lead

	// Lead is the lead as it was published. What a CRM sends back of it is not kept.
	Lead []byte

	// MaybeReceived is whether the CRM may have the lead after an attempt before.
	MaybeReceived bool

	// Traceparent is sent if it is valid (W3C Trace Context).
	Traceparent string

	// Time is when the attempt begins: now, or shortly before. It is signed, and
	// [Options.Timeout] counts from it.
	Time time.Time

	ContentType string
	Body        [][]byte // in parts, which must not change during the attempt
}

// maxFields is the largest number of fields that belong to one attempt.
const maxFields = 8

// fields appends the part of the header that belongs to this attempt; constantFields
// in target.go has the rest. A name that is new must be one that no advertiser can
// set: see isAttemptField, and the reserved names of a webhook (webhook/rules). The names are
// spelled as Standard Webhooks and W3C Trace Context do.
func (r *Request) fields(h []http1.HeaderField) []http1.HeaderField {
	unix := strconv.FormatInt(r.Time.Unix(), 10)
	h = append(h,
		http1.HeaderField{Name: "Content-Type", Value: r.ContentType},
		http1.HeaderField{Name: "webhook-id", Value: r.DeliveryID},
		http1.HeaderField{Name: "webhook-timestamp", Value: unix},
		http1.HeaderField{Name: "webhook-attempt", Value: strconv.Itoa(r.Number)},
		http1.HeaderField{Name: "webhook-trigger", Value: string(r.Trigger)},
	)
	if r.Test {
		h = append(h, http1.HeaderField{Name: "webhook-test", Value: "true"})
	}
	if len(r.Target.keys) > 0 {
		h = append(h, http1.HeaderField{Name: "webhook-signature", Value: sign(r.Target.keys, r.DeliveryID, unix, r.Body)})
	}
	if validTraceparent(r.Traceparent) {
		h = append(h, http1.HeaderField{Name: "traceparent", Value: r.Traceparent})
	}
	return h
}

// Header returns the header, without Host and Content-Length, by the names as they are
// spelled on the wire: see [http1.Request.Header]. It shows secrets.
func (r *Request) Header() http.Header {
	var x exchange
	x.prepare(r)
	return x.request.Header()
}

// validTraceparent reports whether s is a traceparent (W3C Trace Context §3.2):
// version, trace id, parent id and flags in lower-case hex, no id all zero.
func validTraceparent(s string) bool {
	const form = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"
	if len(s) != len(form) {
		return false
	}
	for i := range len(form) {
		dash := form[i] == '-'
		hex := '0' <= s[i] && s[i] <= '9' || 'a' <= s[i] && s[i] <= 'f'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	version, trace, parent := s[:2], s[3:35], s[36:52]
	return version != "ff" && strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != ""
}
