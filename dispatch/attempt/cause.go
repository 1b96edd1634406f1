package attempt

import (
	"net/http"

	"github.com/leadhook/leadhook/lead"
)

// Cause returns why the attempt failed, by what somebody has to look at, or "" if it did
// not.
func (o Outcome) Cause() lead.Cause {
	switch {
	case o.Verdict == Delivered:
		return ""
	case o.Status == 0:
		return o.silentCause()
	case o.Overloaded():
		return lead.CauseOverloaded
	}
	switch o.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return lead.CauseUnauthorized
	case http.StatusNotFound, http.StatusGone:
		return lead.CauseNotFound
	}
	if o.Final() {
		return lead.CauseRefused
	}
	return lead.CauseServerError
}

// silentCause is Cause for an attempt without a status.
func (o Outcome) silentCause() lead.Cause {
	switch {
	case o.Verdict == NeedsHuman:
		return lead.CauseNotAllowed
	case o.Evidence == lead.MaybeReceived:
		return lead.CauseNoAnswer
	}
	return lead.CauseUnreachable
}
