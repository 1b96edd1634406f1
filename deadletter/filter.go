package deadletter

import (
	"slices"
	"strings"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A Filter says which dead letters are wanted: those that every field that is
// set applies to. The zero value wants all.
type Filter struct {
	Advertiser string
	Webhook    string
	Delivery   string
	Reasons    []lead.Reason // one of these
	Statuses   []Statuses    // in one of these
	Text       string        // in the reason or the error, in upper or lower case

	Since time.Time // became a dead letter then or later
	Until time.Time // became one before
}

// Statuses are the HTTP statuses from First to Last; 0 stands for no answer.
type Statuses struct{ First, Last int }

// Wants says whether the letter is one of them.
func (f *Filter) Wants(l *Letter) bool {
	return f.wantsDelivery(l) && f.wantsEnd(l) &&
		(f.Since.IsZero() || !l.Buried.Before(f.Since)) && (f.Until.IsZero() || l.Buried.Before(f.Until))
}

func (f *Filter) wantsDelivery(l *Letter) bool {
	return (f.Advertiser == "" || f.Advertiser == l.Advertiser) &&
		(f.Webhook == "" || f.Webhook == l.Webhook) &&
		(f.Delivery == "" || f.Delivery == l.Delivery)
}

// wantsEnd looks at how the delivery ended.
func (f *Filter) wantsEnd(l *Letter) bool {
	if len(f.Reasons) > 0 && !slices.Contains(f.Reasons, l.Reason) {
		return false
	}
	within := func(s Statuses) bool { return s.First <= l.Status && l.Status <= s.Last }
	if len(f.Statuses) > 0 && !slices.ContainsFunc(f.Statuses, within) {
		return false
	}
	return f.Text == "" || holds(string(l.Reason), f.Text) || holds(l.Error, f.Text)
}

func holds(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
