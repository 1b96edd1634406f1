package dlq

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
)

type replayCommand struct {
	Letter *letterAt `arg:"" optional:"" help:"This one alone: PARTITION/OFFSET, or a delivery's id, of which the newest is meant."`
	All    bool      `help:"All that there are. Needed where nothing narrows them."`
	DryRun bool      `help:"Only count."`
	Limit  int       `short:"n" placeholder:"N" help:"At most so many, in each partition the oldest first."`
	Rate   float64   `placeholder:"N" help:"At most so many a second; default as fast as Kafka takes them."`

	letterFlags
	spanFlags
	terminal.YesFlag
	terminal.OutputFlag
}

// askAbove is how many dead letters are replayed without a question.
const askAbove = 100

// Help is what --help says beyond the flags.
func (replayCommand) Help() string {
	return `Each goes to its own webhook as that is now, through Kafka and the service: it is attempted after the
shortest of retry.delays, and then waits and ends like any delivery, with its schedule and its days
begun anew. What fails again is a dead letter again.

What was replayed already is passed over, and so is what a CRM has taken: after an interruption, or by
mistake, the same command can be run again, and nothing is delivered twice. Events that could not be
read are never replayed: correct the producer, and publish them again. More than 100 are asked about.

Examples:
  leadhook dlq replay 3/17
  leadhook dlq replay --webhook 84+TEST_1 --status 401 --dry-run
  leadhook dlq replay --webhook 84+TEST_1 --since 2026-11-23 --limit 1
  leadhook dlq replay --reason exhausted --since 24h --rate 50 --yes`
}

// Run replays.
func (c replayCommand) Run(ctx context.Context, env *cli.Env) error {
	filter, err := c.check()
	if err != nil {
		return err
	}
	return withDeadLetters(ctx, env, func(g *letterTopic) error {
		p, closed, err := g.replay(ctx, c.Rate)
		if err != nil {
			return err
		}
		defer closed()
		selection, err := c.selection(ctx, env, g, filter)
		if err != nil {
			return err
		}
		if p.found, err = c.ask(ctx, env, p, selection); err != nil || c.DryRun {
			return err
		}
		return c.carryOut(ctx, env, p, selection)
	})
}

func (c replayCommand) check() (deadletter.Filter, error) {
	narrowed := c.any(c.spanFlags)
	switch {
	case c.Limit < 0 || !(c.Rate >= 0): // not a number is neither
		return deadletter.Filter{}, &terminal.UsageError{Err: errors.New("dlq replay: --limit and --rate must not be negative")}
	case c.Letter != nil && (narrowed || c.All):
		return deadletter.Filter{}, &terminal.UsageError{Err: errors.New("dlq replay: give one dead letter, or flags that choose some, not both")}
	case c.Letter == nil && !narrowed && !c.All:
		return deadletter.Filter{}, &terminal.UsageError{Err: errors.New("dlq replay: say which: one dead letter, flags that choose some, or --all")}
	}
	return c.filter(c.spanFlags)
}

// selection is what was there when the command began: a letter that comes of
// the replay is not replayed by it.
func (c replayCommand) selection(ctx context.Context, env *cli.Env, g *letterTopic, filter deadletter.Filter) (*deadletter.Selection, error) {
	all, err := g.reader.Select(ctx, filter)
	if err != nil || c.Letter == nil {
		return all, err
	}
	one, err := g.find(ctx, env, c.Letter) // says so if there is none
	return all.Only(one.Partition, one.Offset), err
}

// ask counts what is to be replayed, where anybody wants to know, and asks
// before many.
func (c replayCommand) ask(ctx context.Context, env *cli.Env, p *replayer, of *deadletter.Selection) (found int, err error) {
	if c.Yes && !c.DryRun && !terminal.IsTerminal(env.Stderr) {
		return 0, nil
	}
	shown := p.g.showReading(env)
	count, err := p.count(ctx, of, c.Limit)
	shown()
	switch {
	case err != nil:
		return 0, err
	case c.DryRun:
		count.DryRun = true
		return 0, c.Show(env.Terminal, count, count.write)
	case count.Chosen > askAbove:
		return count.Chosen, c.Confirm(ctx, env.Terminal, fmt.Sprintf("Replay %s?", terminal.Counted(count.Chosen, "dead letter")))
	}
	return count.Chosen, nil
}

func (c replayCommand) carryOut(ctx context.Context, env *cli.Env, p *replayer, of *deadletter.Selection) error {
	p.show = terminal.NewProgress(env.Terminal, p.found)
	err := p.all(ctx, of, c.Limit)
	p.show.End()
	if shown := c.Show(env.Terminal, &p.result, p.result.write); shown != nil {
		return shown
	}
	if err != nil {
		return fmt.Errorf("not all were replayed; the same command goes on with the rest: %w", err)
	}
	return nil
}
