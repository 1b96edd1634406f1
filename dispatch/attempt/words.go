package attempt

import (
	"net/http"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// why returns who answered in place of the CRM, where an answer leads, or that it is about a
// quota, and what a person can do about it. It is empty if nothing is known beside the
// status. It quotes nothing that the CRM said but what [lead.ShownLocation] shows, scrubbed.
func why(r *Request, a *http1.Answer, location string) string {
	if a.Status/100 == 3 {
		return redirectWords(r, a.Field("Location"), location)
	}
	if isUnreachableOrigin(a) {
		return "it is Cloudflare in front of the CRM that says so: it gets no usable answer from the CRM itself"
	}
	h := hintOf(a)
	front := frontOf(a, h)
	quota := h.quota && (a.Status == http.StatusTooManyRequests || a.Status == http.StatusForbidden || a.Status == http.StatusServiceUnavailable)
	switch {
	case front != "" && (quota || a.Status == http.StatusTooManyRequests):
		return "it is " + front + " in front of the CRM that takes no more requests for now, not the CRM itself; " + lessOrMore
	case front != "":
		return "it is " + front + " in front of the CRM that refused, not the CRM itself; ask whoever runs it to let the leads to this URL through"
	case a.Status == http.StatusPaymentRequired && h.quota:
		return "a quota of the CRM's account is used up; ask whoever pays for it"
	case a.Status == http.StatusPaymentRequired:
		return "the CRM's account is not paid for, or its plan does not include this"
	case quota:
		return "it is a quota or a rate limit of the CRM; " + lessOrMore
	}
	return ""
}

const lessOrMore = "ask whoever runs it for a higher limit, or set a rate for the webhook"

// isUnreachableOrigin reports whether an answer is one that Cloudflare gives when it does not
// get one.
func isUnreachableOrigin(a *http1.Answer) bool {
	return (a.Status >= 520 && a.Status <= 527 || a.Status == 530) && a.Field("Server") == "cloudflare"
}

// advice returns what a person can do about a status of which nothing more is known.
func advice(status int) string {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return "check the authorization of the webhook"
	case status == http.StatusNotFound || status == http.StatusGone:
		return "check the URL of the webhook"
	case status/100 == 3:
		return "redirects are not followed; set the URL that it leads to"
	}
	return ""
}
