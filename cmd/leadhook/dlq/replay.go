package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
)

type replayCommand struct {
	Letter *letterAt `arg:"" optional:"" help:"Only this one: PARTITION/OFFSET, or a delivery's id, which means its newest dead letter."`
	All    bool      `help:"All of them. Required if nothing else selects any."`
	DryRun bool      `help:"Only count what would be replayed."`
	Limit  int       `short:"n" placeholder:"N" help:"Replay at most N, in each partition the oldest first."`
	Rate   float64   `placeholder:"N" help:"Replay at most N a second; by default as fast as Kafka takes them."`

	BeyondLedger bool `help:"Replay those too that the ledger may have forgotten, older than 40 days. They may be delivered twice."`

	letterFlags
	spanFlags
	terminal.YesFlag
	terminal.OutputFlag
}

// askAbove is how many dead letters are replayed without a question.
const askAbove = 100

// Help returns what --help shows beside the flags.
func (replayCommand) Help() string {
	return `Each dead letter goes to its own webhook as it is now, through Kafka and the service. It is attempted
after the shortest of retry.delays; then it is retried like any delivery, and its schedule and its
expiry begin anew. If it fails again, it becomes a dead letter again.

Dead letters that were replayed before are passed over, and so are those that a CRM has taken. So the
same command can be run again, after an interruption or by mistake, and delivers nothing twice. Events
that could not be read are never replayed: correct the producer, and publish them again. Those older than
40 days are replayed with --beyond-ledger only: the ledger may have forgotten what became of them. The
command asks before it replays more than 100.

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
		if c.BeyondLedger {
			p.remembered = time.Time{}
		}
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

// selection returns the letters that were there when the command began. Letters
// that the replay causes are not among them.
func (c replayCommand) selection(ctx context.Context, env *cli.Env, g *letterTopic, filter deadletter.Filter) (*deadletter.Selection, error) {
	all, err := g.reader.Select(ctx, filter)
	if err != nil || c.Letter == nil {
		return all, err
	}
	one, err := g.find(ctx, env, c.Letter) // fails if there is no such letter
	return all.Only(one.Partition, one.Offset), err
}

// ask counts what is to be replayed, unless the count is of no use, and asks
// before it replays many.
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
		return fmt.Errorf("not all were replayed; run the same command again for the rest: %w", err)
	}
	return nil
}
