package dlq

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
)

type tailCommand struct {
	Limit int `short:"n" default:"10" help:"How many of the newest to show first."`

	letterFlags
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
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
				err = l.Add(newLetterJSON(&letter), append([]string{cli.Clock(letter.Buried), position(&letter)}, letterCells(&letter)...)...)
			}
			if err != nil && ctx.Err() == nil { // its end is how one ends to follow
				return err
			}
		}
		return nil
	})
}
