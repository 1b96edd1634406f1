package lead

import "time"

// Health is what the service itself found out about a webhook, over all instances and
// restarts. It may be lost with Redis, and is up to a minute old.
type Health struct {
	Failing     Failing
	LastFailure Failure // zero if no attempt failed in the last weeks
	Doubt       Doubt
}

// Failing says since when every attempt at a webhook has failed. It is zero if the last
// attempt succeeded, or none was made.
type Failing struct {
	Since    time.Time // the first failed attempt after the last success, or ever
	Attempts int       // failed attempts since
	Warned   time.Time // when a warning said that the webhook will be disabled; zero if none did
}

const (
	// PlainlyFailing is how many attempts in a row must have failed, and plainlyFor for how
	// long all of them, until a webhook counts as failing: a CRM that works may refuse a
	// lead.
	PlainlyFailing = 5
	plainlyFor     = time.Hour
)

// Plainly reports whether the webhook counts as failing, and not only as having refused
// a lead or two: five attempts in a row have failed, or all over an hour. last is when
// the last of them was.
func (f Failing) Plainly(last time.Time) bool {
	return f.Attempts >= PlainlyFailing || !f.Since.IsZero() && last.Sub(f.Since) >= plainlyFor
}

// A Failure is an attempt that failed.
type Failure struct {
	At     time.Time
	Cause  Cause
	Status int    // zero if none came
	Error  string // why, as [History.Error] has it
	Answer string // what the CRM said, as [History.Answer] has it
}

// Doubt is about the deliveries that count as delivered by their status, although the
// answers plainly say failure, and the webhook has no rules for its answers.
type Doubt struct {
	First, Last time.Time // zero if there were none
	Deliveries  int       // at least
}

// A Cause is why attempts at a webhook fail, by what somebody has to look at. It is empty
// if they do not.
type Cause string

// The causes.
const (
	CauseUnauthorized Cause = "unauthorized" // the CRM did not accept the authorization: 401, 403
	CauseNotFound     Cause = "not_found"    // the URL leads to nothing: 404, 410
	CauseRefused      Cause = "refused"      // the CRM, or a rule for its answers, refused leads for good
	CauseOverloaded   Cause = "overloaded"   // the CRM says that it gets too much
	CauseServerError  Cause = "server_error" // the CRM says that it cannot take leads now
	CauseNoAnswer     Cause = "no_answer"    // requests were sent, and not answered in time or at all
	CauseUnreachable  Cause = "unreachable"  // no connection: DNS, TCP, or a handshake that was broken off
	CauseNotAllowed   Cause = "not_allowed"  // its certificate, TLS or address is not accepted, by either side
)

// Causes has all causes.
var Causes = []Cause{
	CauseUnauthorized, CauseNotFound, CauseRefused, CauseOverloaded, CauseServerError, CauseNoAnswer, CauseUnreachable, CauseNotAllowed,
}
