package dlq

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
)

type listCommand struct {
	Limit int `short:"n" default:"20" help:"Show at most this many."`

	letterFlags
	spanFlags
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (listCommand) Help() string {
	return `NOW is what became of it: dead (not replayed), under_way (replayed, and not settled yet), delivered,
dead_again (replayed, and there is another dead letter of it), or unknown. With --output wide there is
also what the CRM said, without what it said of the lead.

Examples:
  leadhook dlq list
  leadhook dlq list --advertiser USA_332240 --since 2h
  leadhook dlq list --reason refused,exhausted --status 401,4xx
  leadhook dlq list --host crm.example.com --output wide
  leadhook dlq list --grep "postal is required"
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
		heading := append([]string{"TIME", "LETTER", "NOW"}, letterHeading...)
		if c.wide() {
			heading = append(heading, "ANSWER")
		}
		l := c.List(env.Terminal, heading...).Spare(letterSpare...)
		for i := range letters {
			if err := c.add(l, &letters[i], fates[i]); err != nil {
				return err
			}
		}
		return l.End()
	})
}

// wide reports whether the list has the answers too, which are long.
func (c listCommand) wide() bool { return c.Output == "wide" }

func (c listCommand) add(to *terminal.List, l *deadletter.Letter, fate lead.Fate) error {
	row := newLetterJSON(l)
	if row.Now = fate; undeliverable(l) {
		row.Now = ""
	}
	cells := append([]string{cli.Clock(l.Buried), position(l), terminal.Dash(string(row.Now))}, letterCells(l)...)
	if c.wide() {
		cells = append(cells, terminal.Dash(l.Answer))
	}
	return to.Add(row, cells...)
}
