package dispatch

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// A verdict is what an attempt's result means for its delivery.
type verdict uint8

const (
	delivered  verdict = iota // 2xx
	transient                 // may well succeed in a while
	needsHuman                // will not succeed before somebody changes something
	gone                      // 410: the webhook is over
	refused                   // this delivery will never be taken
	verdicts                  // how many there are
)

func (v verdict) String() string {
	return [verdicts]string{"delivered", "transient", "needs_human", "gone", "refused"}[v]
}

// An outcome is what one attempt came to.
type outcome struct {
	verdict  verdict
	status   int           // zero: none came
	evidence lead.Evidence // what a failed attempt leaves open; empty when delivered
	text     string        // in plain words; empty when delivered
	took     time.Duration // how long the attempt took
	bug      string        // how the attempt panicked; empty: it did not

	// The CRM asked for a pause (Retry-After, on 429 and 503 only): whether it
	// did, and how long.
	pauseAsked bool
	pause      time.Duration
}

// quickRetry says whether a second attempt within seconds makes sense and does
// no harm: not where the CRM may have the lead, nor where it asked for peace.
func (o outcome) quickRetry() bool {
	return o.verdict == transient && o.evidence != lead.MaybeReceived &&
		o.status != http.StatusTooManyRequests && !o.pauseAsked
}

// reason is why a delivery whose last attempt came to o is dead.
func (o outcome) reason() lead.Reason {
	switch o.verdict {
	case gone:
		return lead.Gone
	case refused:
		return lead.Refused
	case delivered, transient, needsHuman, verdicts:
	}
	return lead.Exhausted
}

// final says whether no later attempt can change anything.
func (o outcome) final() bool { return o.verdict == gone || o.verdict == refused }

// forLimiter is what the limiter needs to know of an attempt.
func (o outcome) forLimiter() limiter.Outcome {
	result := [verdicts]limiter.Result{limiter.Accepted, limiter.Failed, limiter.Failed, limiter.Gone, limiter.Refused}[o.verdict]
	return limiter.Outcome{
		Result: result, PauseAsked: o.pauseAsked, Pause: o.pause, Took: o.took,
		Overloaded: o.status == http.StatusTooManyRequests || o.status == http.StatusServiceUnavailable && o.pauseAsked,
	}
}

// judge reads the answer to an attempt. The status alone decides.
func judge(status int, retry string) outcome {
	o := outcome{verdict: verdictOf(status), status: status}
	if o.verdict == delivered {
		return o
	}
	o.evidence = lead.Answered
	o.text = strings.TrimSpace(fmt.Sprintf("the CRM answered %d %s", status, http.StatusText(status))) + advice(status)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		o.pause, o.pauseAsked = retryAfter(retry, time.Now())
	}
	return o
}

func verdictOf(status int) verdict {
	switch status {
	case http.StatusGone:
		return gone
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return needsHuman
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return transient
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return refused
	}
	switch status / 100 {
	case 2:
		return delivered
	case 3, 4:
		return refused
	}
	// 5xx, and what is no final status at all, which RFC 9110 §15 wants to be
	// read as 5xx.
	return transient
}

func advice(status int) string {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ": check the authorization of the webhook"
	case status == http.StatusNotFound || status == http.StatusGone:
		return ": check the URL of the webhook"
	case status/100 == 3:
		return ": redirects are not followed; set the URL that it leads to"
	}
	return ""
}

// longestPause is the longest wait that a CRM can ask for.
const longestPause = 24 * time.Hour

// retryAfter reads a Retry-After header (RFC 9110 §10.2.3): seconds or a date.
// It returns false if there is none or it cannot be read; a date that is over
// asks for a pause of zero.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(longestPause/time.Second) {
			return longestPause, true // too many digits are a very long pause
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(date.Sub(now), 0), longestPause), true
}
