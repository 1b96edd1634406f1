package retries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
)

type listCommand struct {
	Limit int `short:"n" default:"20" help:"Show at most this many."`

	cli.DeliveryFlags
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (listCommand) Help() string {
	return `DUE is when the next attempt may be made. STEP is how many waits of the schedule it has had; WHY is how its
last attempt failed. With --output wide there is also what the CRM said, without what it said of the lead.
A row without a webhook is a lead whose webhooks could not be read. What was settled within the last
seconds may still be listed.

Examples:
  leadhook retries list
  leadhook retries list --lead 9007199254740993
  leadhook retries list --grep "postal is required" --output wide
  leadhook retries list --limit 1000 --output json | jq -r .host | sort | uniq -c`
}

// Run lists.
func (c listCommand) Run(ctx context.Context, env *cli.Env) error {
	if c.Limit < 1 {
		return &terminal.UsageError{Err: errors.New("retries list: --limit must be at least 1")}
	}
	first := &earliest{n: c.Limit}
	if err := each(ctx, env, c.Filter(), true, first.add); err != nil {
		return err
	}
	if first.all == 0 {
		fmt.Fprintln(env.Stderr, "nothing waits")
		return nil
	}
	heading := []string{"DUE", "ADVERTISER", "WEBHOOK", "HOST", "LEAD", "ATTEMPTS", "STEP", "STATUS", "WHY"}
	if c.Output == "wide" {
		heading = append(heading, "ANSWER")
	}
	l := c.List(env.Terminal, heading...).Spare("STEP", "LEAD", "ADVERTISER", "HOST", "STATUS", "ATTEMPTS")
	for _, letter := range first.sorted() {
		if err := l.Add(rowOf(&letter), cells(&letter)[:len(heading)]...); err != nil {
			return err
		}
	}
	if more := first.all - c.Limit; more > 0 && c.Table() {
		fmt.Fprintf(env.Stderr, "there are %d more (--limit)\n", more)
	}
	return l.End()
}

// An earliest keeps the n letters that are due first, and at most as many again.
type earliest struct {
	n, all  int
	letters []deadletter.Letter
}

func (e *earliest) add(l *deadletter.Letter) {
	e.all++
	kept := *l
	kept.Message.Value, kept.Message.Headers = nil, nil
	if e.letters = append(e.letters, kept); len(e.letters) >= 2*e.n {
		e.letters = slices.Clip(e.sorted())
	}
}

func (e *earliest) sorted() []deadletter.Letter {
	slices.SortStableFunc(e.letters, func(a, b deadletter.Letter) int { return due(&a).Compare(due(&b)) })
	return e.letters[:min(e.n, len(e.letters))]
}

// A row is a waiting delivery for programs. The names are those of the record headers.
type row struct {
	Due           time.Time `json:"due"`
	Advertiser    string    `json:"advertiser,omitempty"`
	Webhook       string    `json:"webhook,omitempty"` // empty: a lead whose webhooks could not be read
	Host          string    `json:"host,omitempty"`
	Delivery      string    `json:"delivery,omitempty"`
	LeadID        string    `json:"lead_id,omitempty"`
	Attempts      int       `json:"attempts"`
	Step          int       `json:"step,omitempty"`
	Status        int       `json:"status,omitempty"`
	Error         string    `json:"error,omitempty"`
	Evidence      string    `json:"evidence,omitempty"`
	Answer        string    `json:"answer,omitempty"`
	Location      string    `json:"location,omitempty"`
	Record        string    `json:"record,omitempty"`
	Replays       int       `json:"replays,omitempty"`
	Received      time.Time `json:"received,omitzero"`
	FirstAttempt  time.Time `json:"first_attempt,omitzero"`
	LastAttempt   time.Time `json:"last_attempt,omitzero"`
	FirstDeferral time.Time `json:"first_deferral,omitzero"`
}

func rowOf(l *deadletter.Letter) row {
	return row{
		Due: due(l).UTC(), Advertiser: l.Advertiser, Webhook: l.Webhook, Host: l.Host, Delivery: l.Delivery, LeadID: l.LeadID,
		Attempts: l.Attempts, Step: l.Step, Status: l.Status, Error: l.Error, Evidence: string(l.Evidence), Answer: l.Answer,
		Location: l.Location, Record: l.Record, Replays: l.Replays, Received: l.Received.UTC(),
		FirstAttempt: l.FirstAttempt.UTC(), LastAttempt: l.LastAttempt.UTC(), FirstDeferral: l.FirstDeferral.UTC(),
	}
}

func cells(l *deadletter.Letter) []string {
	return []string{
		cli.Clock(due(l)), terminal.Dash(l.Advertiser), terminal.Dash(l.Webhook), terminal.Dash(l.Host), terminal.Dash(l.LeadID),
		strconv.Itoa(l.Attempts), strconv.Itoa(l.Step), terminal.Dash(terminal.Number(l.Status)), why(l), terminal.Dash(l.Answer),
	}
}

// why says why a letter waits.
func why(l *deadletter.Letter) string {
	switch {
	case l.Reason != "":
		return "dead letter (" + string(l.Reason) + "), to be written once dead letters can be"
	case l.Webhook == "":
		return "its webhooks could not be read"
	case l.Error != "":
		return l.Error
	case l.Replays > 0 && l.Attempts == 0:
		return "replayed"
	case l.Attempts == 0:
		return "its webhook took no more"
	}
	return "it was handed over during an attempt"
}
