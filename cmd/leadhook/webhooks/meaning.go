package webhooks

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
)

// meaning returns the outcome of a test in words, for the person who set up the
// webhook. got is what the CRM got.
func meaning(r *dispatch.TrialReport, hook *lead.Webhook, got string) string {
	if r.Status == 0 {
		text := "Your CRM gave no answer: " + r.Error + "."
		if r.Evidence == lead.MaybeReceived {
			text += " It may have the test lead nonetheless."
		}
		return text
	}
	answered := strings.TrimSpace(fmt.Sprintf("Your CRM answered %d %s", r.Status, http.StatusText(r.Status)))
	switch {
	case r.Rule != "":
		return answered + ": by the webhook's answers, " + fmt.Sprintf(ruledInWords[r.Verdict], got) + "."
	case r.Doubt:
		return answered + ": by its status it took " + got + ", by its answer it did not."
	case r.Why != "":
		return answered + ": " + r.Why + "."
	}
	return answered + ": " + statusInWords(r.Status, hook, got) + "."
}

// ruledInWords says what a rule says.
var ruledInWords = map[string]string{"delivered": "it took %s", "transient": "it wants %s again later", "refused": "it did not take %s"}

func statusInWords(status int, hook *lead.Webhook, got string) string {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		return fmt.Sprintf("it cannot take the lead as it is; check that it expects the Payload Format, %s", hook.Format)
	case http.StatusUnauthorized, http.StatusForbidden:
		if hook.Authorization == "" {
			return "it wants an Authentication Header, and the webhook has none"
		}
		return "the Authentication Header was not accepted"
	case http.StatusNotFound:
		return "it does not know the Payload URL; check its path, capitals and slashes included"
	case http.StatusMethodNotAllowed:
		return "nothing can be POSTed to the Payload URL; check that it is the one for leads"
	case http.StatusGone:
		return "the Payload URL is no longer in use; ask the CRM's provider for the new one"
	case http.StatusRequestEntityTooLarge:
		return "the lead is too large for it"
	case http.StatusTooManyRequests:
		return "it gets too many requests just now"
	case http.StatusConflict:
		return "it says that it has the lead already; that would count as delivered after an attempt that it may have received"
	}
	switch status / 100 {
	case 2:
		return "it took " + got
	case 3:
		return "it points to another URL, which leadhook does not follow; set that one as the Payload URL"
	case 5:
		return "it has a fault of its own, which its provider should look into"
	}
	return "it did not take " + got
}

// realLead returns what would become of a real lead now.
func realLead(r *dispatch.TrialReport, expire time.Duration) string {
	const changed = " This test has changed nothing."
	switch {
	case r.Dead == lead.Gone:
		return "A real lead would become a dead letter, and leadhook would set the webhook inactive." + changed
	case r.Dead != "":
		return "A real lead would become a dead letter at once, since trying again would not help." + changed
	case r.Wait == 0:
		return "A real lead would be delivered."
	}
	first := ""
	if r.QuickRetry {
		first = "within seconds, then "
	}
	return fmt.Sprintf("A real lead would be tried again %safter %s, then after longer and longer waits; it would become"+
		" a dead letter after %s.%s", first, short(r.Wait), short(expire), changed)
}

// short returns a duration as people write it: 72h, not 72h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
