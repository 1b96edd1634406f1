package attempt

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A Verdict is what an attempt's result means for its delivery.
type Verdict uint8

// The verdicts.
const (
	Delivered  Verdict = iota // 2xx
	Transient                 // may well succeed in a while
	NeedsHuman                // will not succeed before somebody changes something
	Gone                      // 410: the webhook is over
	Refused                   // this delivery will never be taken
)

// Verdicts is how many verdicts there are.
const Verdicts = int(Refused) + 1

func (v Verdict) String() string {
	return [Verdicts]string{"delivered", "transient", "needs_human", "gone", "refused"}[v]
}

// An Outcome is what one attempt came to.
type Outcome struct {
	Verdict  Verdict
	Status   int           // zero: none came
	Evidence lead.Evidence // what a failed attempt leaves open; empty when delivered
	Text     string        // why it failed, in plain words and without a secret; empty when delivered
	Took     time.Duration // how long the attempt took, from the time of its request

	// The CRM asked for a pause (Retry-After, on 429 and 503 only): whether it
	// did, and how long.
	PauseAsked bool
	Pause      time.Duration
}

// QuickRetry reports whether a second attempt within seconds makes sense and
// does no harm: not where the CRM may have the lead, nor where it asked for
// peace.
func (o Outcome) QuickRetry() bool {
	return o.Verdict == Transient && o.Evidence != lead.MaybeReceived &&
		o.Status != http.StatusTooManyRequests && !o.PauseAsked
}

// Final reports whether no later attempt can change anything.
func (o Outcome) Final() bool { return o.Verdict == Gone || o.Verdict == Refused }

// Overloaded reports whether the CRM has too much to do.
func (o Outcome) Overloaded() bool {
	return o.Status == http.StatusTooManyRequests || o.Status == http.StatusServiceUnavailable && o.PauseAsked
}

// Reason is why a delivery is dead whose last attempt came to o.
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

// judge reads the answer to an attempt. The status alone decides.
func judge(status int, retry string) Outcome {
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
		return NeedsHuman
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
	// 5xx, and what is no final status at all, which RFC 9110 §15 wants to be
	// read as 5xx.
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
