package deadletter

import (
	"slices"
	"strings"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A Filter says which dead letters are wanted: those that match every field that is
// set. The zero value wants all dead letters.
type Filter struct {
	Advertiser string
	Webhook    string
	Delivery   string
	Host       string        // of the webhook's URL, with its port if it has one, in any case
	Lead       string        // the lead.id. It is in the event, which then must be read
	Reasons    []lead.Reason // the letter's reason is one of these
	Statuses   []Statuses    // the letter's status is in one of these
	Text       string        // is in the letter's reason, error or answer, in any case

	Since time.Time // it became a dead letter then or later
	Until time.Time // it became a dead letter earlier
}

// Statuses are the HTTP statuses from First to Last; 0 stands for no answer.
type Statuses struct{ First, Last int }

// Wants reports whether the filter wants the letter, except that it does not look at Lead.
func (f *Filter) Wants(l *Letter) bool {
	return f.wantsDelivery(l) && f.wantsOutcome(l) &&
		(f.Since.IsZero() || !l.Buried.Before(f.Since)) && (f.Until.IsZero() || l.Buried.Before(f.Until))
}

func (f *Filter) wantsDelivery(l *Letter) bool {
	return (f.Advertiser == "" || f.Advertiser == l.Advertiser) &&
		(f.Webhook == "" || f.Webhook == l.Webhook) &&
		(f.Delivery == "" || f.Delivery == l.Delivery) &&
		(f.Host == "" || strings.EqualFold(f.Host, l.Host))
}

// wantsLead reports whether the filter wants a letter that has its LeadID.
func (f *Filter) wantsLead(l *Letter) bool { return f.Lead == "" || f.Lead == l.LeadID }

// wantsOutcome looks at how the delivery failed.
func (f *Filter) wantsOutcome(l *Letter) bool {
	if len(f.Reasons) > 0 && !slices.Contains(f.Reasons, l.Reason) {
		return false
	}
	within := func(s Statuses) bool { return s.First <= l.Status && l.Status <= s.Last }
	if len(f.Statuses) > 0 && !slices.ContainsFunc(f.Statuses, within) {
		return false
	}
	return f.Text == "" || contains(string(l.Reason), f.Text) || contains(l.Error, f.Text) || contains(l.Answer, f.Text)
}

// contains ignores case.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
