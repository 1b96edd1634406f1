package attempt

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
)

// A Verdict is what the result of an attempt means for its delivery.
type Verdict uint8

// The verdicts. The zero value is not a verdict.
const (
	Delivered  Verdict = iota + 1 // the CRM has the lead
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
	Why      string        // the part of Text that tells more than the status: who answered, where it leads; empty if nothing does
	Took     time.Duration // from [Request.Time] to the end of the answer

	Rule  string // which of the webhook's rules for answers decided; empty if none did
	Doubt bool   // it was delivered although the answer plainly says failure, and no rule is about that

	Kept

	PauseAsked bool          // whether the CRM said when to come again (Retry-After), after what is tried again
	Pause      time.Duration // how long; at most 24 hours
}

// QuickRetry reports whether another attempt within seconds makes sense and does
// no harm: not if the CRM may have the lead, and not if it said when to come again.
func (o Outcome) QuickRetry() bool {
	return o.Verdict == Transient && o.Evidence != lead.MaybeReceived &&
		o.Status != http.StatusTooManyRequests && !o.PauseAsked
}

// Final reports whether a later attempt cannot change anything.
func (o Outcome) Final() bool { return o.Verdict == Gone || o.Verdict == Refused }

// Overloaded reports whether the CRM says that it gets too many requests.
func (o Outcome) Overloaded() bool {
	return o.Verdict == Transient &&
		(o.Status == http.StatusTooManyRequests || o.Status == http.StatusServiceUnavailable && o.PauseAsked)
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

// answered returns the outcome of an attempt that was answered: what the webhook's rules
// say, and where they say nothing the status. For some statuses it matters whether the CRM
// says when to come again, and whether it may have had the lead before.
func answered(r *Request, a *http1.Answer) Outcome {
	pause, asked := retryAfter(a.RetryAfter, time.Now())
	o := Outcome{Verdict: verdictOf(a.Status, asked, r.MaybeReceived), Status: a.Status}
	o.apply(r.Target.rules, a)
	if o.Verdict == Delivered {
		o.Doubt = r.Target.doubts(a)
		return o
	}
	o.keep(r, a)
	o.Evidence = lead.Answered
	o.Text = strings.TrimSpace(fmt.Sprintf("the CRM answered %d %s", a.Status, statusText(a.Status)))
	if o.Rule != "" {
		o.Text += ", which counts as " + ruledAs[o.Verdict] + " by the webhook's " + o.Rule
	} else if o.Why = why(r, a, o.Location); o.Why+advice(a.Status) != "" {
		o.Text += ": " + cmp.Or(o.Why, advice(a.Status))
	}
	if encoding := unread(a); encoding != "" {
		o.Text += "; its body is in " + encoding + ", which is not read"
	}
	if !o.Final() {
		o.Pause, o.PauseAsked = pause, asked
	}
	return o
}

// apply applies the rules of a webhook to an answer: those for the body if it counts as
// delivered by its status, but not for what a CRM says to a lead that it has already.
func (o *Outcome) apply(rules *answer.Rules, a *http1.Answer) {
	m := rules.Status(a.Status)
	if delivers(a.Status, m.Outcome) && rules.WantsBody() { // else it need not be unpacked
		if body := rules.Body(plainBody(a)); body.Outcome != answer.Unruled {
			m = body
		}
	}
	if m.Outcome != answer.Unruled {
		o.Verdict, o.Rule, o.Words, o.Record = ruled[m.Outcome], m.Rule, m.Words, m.Record
	}
}

// delivers reports whether a status counts as delivered, if the rules have that outcome for it.
func delivers(status int, ruled answer.Outcome) bool {
	return ruled == answer.Delivered || ruled == answer.Unruled && status/100 == 2
}

// ruled has the verdict for each outcome of a rule.
var ruled = [...]Verdict{answer.Delivered: Delivered, answer.Retry: Transient, answer.Refused: Refused}

// ruledAs has the words of the rules for the verdicts that they give, but for delivered.
var ruledAs = map[Verdict]string{Transient: answer.Retry.String(), Refused: answer.Refused.String()}

// statusText is [http.StatusText] with what HubSpot means by 477.
func statusText(status int) string {
	if status == statusMigrating {
		return "Migration in Progress"
	}
	return http.StatusText(status)
}

// statusMigrating is how HubSpot says that an account moves to another place, and is
// there again within a day.
const statusMigrating = 477

// verdictOf returns what a status means: by its row in the table in docs/receivers.md. Where
// the rest of 4xx comes with Retry-After, the CRM wants it again.
func verdictOf(status int, retryAfter, maybeReceived bool) Verdict {
	switch status {
	case http.StatusConflict:
		if maybeReceived { // it has the lead from that attempt
			return Delivered
		}
	case http.StatusGone:
		return Gone
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return NeedsHuman // not refused: once the token or the URL is corrected, the leads that wait are delivered
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusLocked, http.StatusTooEarly,
		http.StatusTooManyRequests, statusMigrating:
		return Transient
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return Refused
	}
	switch status / 100 {
	case 2:
		return Delivered
	case 3:
		return Refused
	case 4:
		if retryAfter {
			return Transient
		}
		return Refused
	}
	// 5xx. RFC 9110 §15 treats every invalid status like 5xx.
	return Transient
}

// maxPause is the longest pause that a CRM can ask for.
const maxPause = 24 * time.Hour

// retryAfter reads a Retry-After field (RFC 9110 §10.2.3): seconds or a date. Some CRMs
// write decimals, which are rounded up, the time in seconds or milliseconds since 1970, or a
// date as in e-mail or in RFC 3339. It returns false if the field is empty or not valid. A
// date in the past asks for a pause of zero.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if whole, decimals, _ := strings.Cut(value, "."); whole != "" && strings.Trim(whole+decimals, "0123456789") == "" {
		seconds, err := strconv.ParseInt(whole, 10, 64)
		switch {
		case err == nil && seconds >= earliest.UnixMilli() && seconds < latest.UnixMilli():
			return pauseUntil(time.UnixMilli(seconds), now), true
		case err == nil && seconds >= earliest.Unix() && seconds < latest.Unix():
			return pauseUntil(time.Unix(seconds, 0), now), true
		case err != nil || seconds >= int64(maxPause/time.Second):
			return maxPause, true // too many digits are a very long pause
		}
		if strings.Trim(decimals, "0") != "" {
			seconds++
		}
		return time.Duration(seconds) * time.Second, true
	}
	if date, err := http.ParseTime(value); err == nil {
		return pauseUntil(date, now), true
	}
	for _, layout := range []string{time.RFC3339, time.RFC1123Z} {
		if date, err := time.Parse(layout, value); err == nil {
			return pauseUntil(date, now), true
		}
	}
	return 0, false
}

// A number between these, in seconds or milliseconds since 1970, is a time: as a pause it would
// be one of more than forty years.
var (
	earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

func pauseUntil(at, now time.Time) time.Duration { return min(max(at.Sub(now), 0), maxPause) }
