package dlq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
)

type listCommand struct {
	Limit int `short:"n" default:"20" help:"How many."`

	letterFlags
	spanFlags
	terminal.OutputFlag
}

// Help is what --help says beyond the flags.
func (listCommand) Help() string {
	return `NOW is what became of it: dead (not replayed), under_way (replayed, and not ended yet), delivered,
dead_again (replayed, and there is another dead letter of it), or unknown.

Examples:
  leadhook dlq list
  leadhook dlq list --advertiser USA_332240 --since 2h
  leadhook dlq list --reason refused,exhausted --status 401,4xx
  leadhook dlq list --grep "no answer" --since 2026-11-23 --until 2026-11-24
  leadhook dlq list --limit 1000 --output json | jq -r .reason | sort | uniq -c`
}

// Run lists.
func (c listCommand) Run(ctx context.Context, env *cli.Env) error {
	if c.Limit < 1 {
		return &terminal.UsageError{Err: errors.New("dlq list: --limit must be at least 1")}
	}
	filter, err := c.filter(c.spanFlags)
	if err != nil {
		return err
	}
	return withDeadLetters(ctx, env, func(g *letterTopic) error {
		shown := g.showReading(env)
		letters, err := g.reader.List(ctx, filter, c.Limit)
		shown()
		if err != nil {
			return err
		}
		if len(letters) == 0 {
			fmt.Fprintln(env.Stderr, "no dead letters")
			return nil
		}
		fates, err := g.fates(ctx, letters)
		if err != nil {
			fmt.Fprintf(env.Stderr, "leadhook: what became of them is not known: %v\n", err)
		}
		l := c.List(env.Terminal, append([]string{"TIME", "LETTER", "NOW"}, letterHeading...)...).Spare(letterSpare...)
		for i := range letters {
			if err := addListed(l, &letters[i], fates[i]); err != nil {
				return err
			}
		}
		return l.End()
	})
}

func addListed(to *terminal.List, l *deadletter.Letter, fate lead.Fate) error {
	row := newLetterJSON(l)
	if row.Now = fate; noFate(l) {
		row.Now = ""
	}
	return to.Add(row, append([]string{clock(l.Buried), place(l), terminal.Dash(string(row.Now))}, letterCells(l)...)...)
}

type tailCommand struct {
	Limit int `short:"n" default:"10" help:"How many of the newest to show first."`

	letterFlags
	terminal.OutputFlag
}

// Help is what --help says beyond the flags.
func (tailCommand) Help() string {
	return `Examples:
  leadhook dlq tail
  leadhook dlq tail --webhook 84+TEST_1
  leadhook dlq tail --limit 0 --output json`
}

// Run follows until ctx ends.
func (c tailCommand) Run(ctx context.Context, env *cli.Env) error {
	if c.Limit < 0 {
		return &terminal.UsageError{Err: errors.New("dlq tail: --limit must not be negative")}
	}
	filter, err := c.filter(spanFlags{})
	if err != nil {
		return err
	}
	return withDeadLetters(ctx, env, func(g *letterTopic) error {
		// TIME as wide as what will stand below: it is written before that is known.
		l, err := c.Follow(env.Terminal, letterSpare, append([]string{"TIME" + strings.Repeat(" ", len(time.DateTime)-len("TIME")), "LETTER"}, letterHeading...)...)
		if err != nil {
			return err
		}
		for letter, err := range g.reader.Tail(ctx, filter, c.Limit) {
			if err == nil {
				err = l.Add(newLetterJSON(&letter), append([]string{clock(letter.Buried), place(&letter)}, letterCells(&letter)...)...)
			}
			if err != nil && ctx.Err() == nil { // its end is how one ends to follow
				return err
			}
		}
		return nil
	})
}

// letterHeading is what list and tail show of a letter, beside when and where.
var letterHeading = []string{"ADVERTISER", "WEBHOOK", "LEAD", "REASON", "ATTEMPTS", "STATUS", "ERROR"}

// letterSpare are the columns that a narrow terminal does not show. What status
// it was mostly stands in the error.
var letterSpare = []string{"ATTEMPTS", "LEAD", "ADVERTISER", "STATUS", "NOW"}

func letterCells(l *deadletter.Letter) []string {
	return []string{
		terminal.Dash(l.Advertiser), terminal.Dash(l.Webhook), terminal.Dash(l.LeadID), string(l.Reason), strconv.Itoa(l.Attempts),
		terminal.Dash(number(l.Status)), terminal.Dash(l.Error),
	}
}

// clock is a time for people.
func clock(t time.Time) string { return t.Local().Format(time.DateTime) }

// letterJSON is a dead letter for programs. Names are those of the headers.
type letterJSON struct {
	Time          time.Time `json:"time"`
	Advertiser    string    `json:"advertiser,omitempty"`
	Webhook       string    `json:"webhook,omitempty"`
	Delivery      string    `json:"delivery,omitempty"`
	LeadID        string    `json:"lead_id,omitempty"`
	Reason        string    `json:"reason"`
	Error         string    `json:"error,omitempty"`
	Attempts      int       `json:"attempts"`
	Status        int       `json:"status,omitempty"`
	Evidence      string    `json:"evidence,omitempty"`
	Replays       int       `json:"replays,omitempty"`
	Now           lead.Fate `json:"now,omitempty"`
	Received      time.Time `json:"received,omitzero"`
	FirstAttempt  time.Time `json:"first_attempt,omitzero"`
	LastAttempt   time.Time `json:"last_attempt,omitzero"`
	FirstDeferral time.Time `json:"first_deferral,omitzero"`
	Step          int       `json:"step,omitempty"`
	Partition     int       `json:"partition"`
	Offset        int64     `json:"offset"`
	Bytes         int       `json:"bytes"`
}

func newLetterJSON(l *deadletter.Letter) letterJSON {
	return letterJSON{
		Time: l.Buried.UTC(), Advertiser: l.Advertiser, Webhook: l.Webhook, Delivery: l.Delivery, LeadID: l.LeadID,
		Reason: string(l.Reason), Error: l.Error, Attempts: l.Attempts, Status: l.Status,
		Evidence: string(l.Evidence), Replays: l.Replays, Received: l.Received.UTC(),
		FirstAttempt: l.FirstAttempt.UTC(), LastAttempt: l.LastAttempt.UTC(), FirstDeferral: l.FirstDeferral.UTC(),
		Step: l.Step, Partition: l.Partition, Offset: l.Offset, Bytes: l.Size,
	}
}
