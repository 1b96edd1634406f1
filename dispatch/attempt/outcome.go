package attempt

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A Verdict is what the result of an attempt means for its delivery.
type Verdict uint8

// The verdicts. The zero value is not a verdict.
const (
	Delivered  Verdict = iota + 1 // 2xx
	Transient                     // a later attempt may succeed
	NeedsHuman                    // a later attempt may succeed once somebody changes something
	Gone                          // 410: the webhook no longer exists
	Refused                       // the CRM will never take this delivery
)

// Verdicts is the length of an array that has a Verdict as its index.
const Verdicts = int(Refused) + 1

func (v Verdict) String() string {
	return [Verdicts]string{"none", "delivered", "transient", "needs_human", "gone", "refused"}[v]
}

// An Outcome is the result of one attempt.
type Outcome struct {
	Verdict  Verdict
	Status   int           // zero if there was no answer
	Evidence lead.Evidence // whether the CRM may have the lead after a failed attempt; empty if it was delivered
	Text     string        // why it failed, in plain words and without secrets; empty if it was delivered
	Took     time.Duration // from [Request.Time] to the end of the answer

	PauseAsked bool          // whether the CRM asked for a pause (Retry-After, on 429 and 503 only)
	Pause      time.Duration // how long; at most 24 hours
}

// QuickRetry reports whether another attempt within seconds makes sense and does
// no harm: not if the CRM may have the lead, and not if it asked for a pause.
func (o Outcome) QuickRetry() bool {
	return o.Verdict == Transient && o.Evidence != lead.MaybeReceived &&
		o.Status != http.StatusTooManyRequests && !o.PauseAsked
}

// Final reports whether a later attempt cannot change anything.
func (o Outcome) Final() bool { return o.Verdict == Gone || o.Verdict == Refused }

// Overloaded reports whether the CRM says that it gets too many requests.
func (o Outcome) Overloaded() bool {
	return o.Status == http.StatusTooManyRequests || o.Status == http.StatusServiceUnavailable && o.PauseAsked
}

// Reason returns the reason of the dead letter if this was the last attempt.
func (o Outcome) Reason() lead.Reason {
	switch o.Verdict {
	case Gone:
		return lead.Gone
	case Refused:
		return lead.Refused
	case Delivered, Transient, NeedsHuman:
	}
	return lead.Exhausted
}

// answered returns the outcome of an attempt that was answered. The status alone
// decides.
func answered(status int, retry string) Outcome {
	o := Outcome{Verdict: verdictOf(status), Status: status}
	if o.Verdict == Delivered {
		return o
	}
	o.Evidence = lead.Answered
	o.Text = strings.TrimSpace(fmt.Sprintf("the CRM answered %d %s", status, http.StatusText(status))) + advice(status)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		o.Pause, o.PauseAsked = retryAfter(retry, time.Now())
	}
	return o
}

func verdictOf(status int) Verdict {
	switch status {
	case http.StatusGone:
		return Gone
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return NeedsHuman // not refused: once the token or the URL is corrected, the leads that wait are delivered
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return Transient
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return Refused
	}
	switch status / 100 {
	case 2:
		return Delivered
	case 3, 4:
		return Refused
	}
	// 5xx. RFC 9110 §15 treats every invalid status like 5xx.
	return Transient
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

// maxPause is the longest pause that a CRM can ask for.
const maxPause = 24 * time.Hour

// retryAfter reads a Retry-After field (RFC 9110 §10.2.3): seconds or a date. It
// returns false if the field is empty or not valid. A date in the past asks for a
// pause of zero.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxPause/time.Second) {
			return maxPause, true // too many digits are a very long pause
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(date.Sub(now), 0), maxPause), true
}
