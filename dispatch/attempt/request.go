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
	Target   *Target
	Delivery string // the delivery id
	Number   int    // of the attempt; the first one is 1
	Trigger  lead.Trigger
	Test     bool // it is a test lead

	// Traceparent is passed on if it is valid (W3C Trace Context).
	Traceparent string

	Time time.Time // when the attempt begins: now, or a little earlier. It is signed, and the time-out counts from it

	ContentType string
	Body        [][]byte // in parts, one behind the other; they must not change while the attempt is made
}

// mostFields is how many fields a header has that is of one attempt.
const mostFields = 8

// fields appends the part of the header that is of one attempt.
func (r *Request) fields(h []http1.Field) []http1.Field {
	unix := strconv.FormatInt(r.Time.Unix(), 10)
	h = append(h,
		http1.Field{Name: "Content-Type", Value: r.ContentType},
		http1.Field{Name: "Webhook-Id", Value: r.Delivery},
		http1.Field{Name: "Webhook-Timestamp", Value: unix},
		http1.Field{Name: "Webhook-Attempt", Value: strconv.Itoa(r.Number)},
		http1.Field{Name: "Webhook-Trigger", Value: string(r.Trigger)},
	)
	if r.Test {
		h = append(h, http1.Field{Name: "Webhook-Test", Value: "true"})
	}
	if len(r.Target.keys) > 0 {
		h = append(h, http1.Field{Name: "Webhook-Signature", Value: sign(r.Target.keys, r.Delivery, unix, r.Body)})
	}
	if validTraceparent(r.Traceparent) {
		h = append(h, http1.Field{Name: "Traceparent", Value: r.Traceparent})
	}
	return h
}

// Header is the whole header, but for what HTTP adds: Host and Content-Length.
// It holds secrets in the clear.
func (r *Request) Header() http.Header {
	var x exchange
	x.prepare(r)
	return x.request.Header()
}

// validTraceparent says whether s is a traceparent that may be passed on (W3C
// Trace Context §3.2): version, trace id, parent id and flags in lower-case
// hex, the ids not all zero.
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
