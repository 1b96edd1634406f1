package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/deadletter"
)

// DeliveryFlags select dead letters, or what waits, by its delivery and by how the last attempt
// failed. Embed it in the command.
type DeliveryFlags struct {
	Advertiser string     `placeholder:"ID" complete:"advertiser" help:"Only those of this advertiser."`
	Webhook    string     `placeholder:"ID" complete:"webhook" help:"Only those of this webhook."`
	Host       string     `placeholder:"NAME" help:"Only those whose last attempt went to this host, with its port if the URL has one."`
	Lead       string     `placeholder:"ID" help:"Only those of the lead with this lead.id."`
	Delivery   string     `placeholder:"ID" help:"Only those of this delivery (what the CRM saw as webhook-id)."`
	Status     []statuses `placeholder:"STATUS" help:"Only those that ended with one of these: 401, 4xx, none (no answer)."`
	Grep       string     `placeholder:"TEXT" help:"Only those with this text in the reason, the error or the CRM's answer, in upper or lower case."`
}

// Any reports whether at least one flag is set.
func (f DeliveryFlags) Any() bool {
	return f.Advertiser+f.Webhook+f.Host+f.Lead+f.Delivery+f.Grep != "" || len(f.Status) > 0
}

// Filter returns what the flags say.
func (f DeliveryFlags) Filter() deadletter.Filter {
	all := deadletter.Filter{
		Advertiser: f.Advertiser, Webhook: f.Webhook, Host: f.Host, Lead: f.Lead, Delivery: f.Delivery, Text: f.Grep,
	}
	for _, s := range f.Status {
		all.Statuses = append(all.Statuses, deadletter.Statuses(s))
	}
	return all
}

// statuses is one status, a class of them (4xx), or none, which means no answer.
type statuses deadletter.Statuses

// UnmarshalText parses the value of a flag or argument.
func (s *statuses) UnmarshalText(text []byte) error {
	typed := strings.ToLower(string(text))
	if typed == "none" {
		*s = statuses{}
		return nil
	}
	first, err := strconv.Atoi(strings.ReplaceAll(typed, "x", "0"))
	digits := strings.TrimRight(typed, "x")
	if err != nil || len(typed) != 3 || len(digits) == 0 || strings.Contains(digits, "x") || first < 100 {
		return fmt.Errorf("%q is not a status: want one like 401, a class like 4xx, or none", text)
	}
	last, _ := strconv.Atoi(strings.ReplaceAll(typed, "x", "9"))
	*s = statuses{First: first, Last: last}
	return nil
}

// Clock returns a time as people read it.
func Clock(t time.Time) string { return t.Local().Format(time.DateTime) }
