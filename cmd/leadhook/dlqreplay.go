package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/deadletter"
)

type dlqReplay struct {
	Letter *letterAt `arg:"" optional:"" help:"This one alone: PARTITION/OFFSET, or a delivery's id, of which the newest is meant."`
	All    bool      `help:"All that there are. Needed where nothing narrows them."`
	DryRun bool      `help:"Only count."`
	Limit  int       `short:"n" placeholder:"N" help:"At most so many, in each partition the oldest first."`
	Rate   float64   `placeholder:"N" help:"At most so many a second; default as fast as Kafka takes them."`

	letterFlags
	spanFlags
	yesFlag
	outputFlag
}

// askAbove is how many dead letters are replayed without a question.
const askAbove = 100

// Help is what --help says beyond the flags.
func (dlqReplay) Help() string {
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
func (c dlqReplay) Run(ctx context.Context, w *world) error {
	filter, err := c.check()
	if err != nil {
		return err
	}
	return w.withDeadLetters(ctx, func(g *graveyard) error {
		p, closed, err := g.replay(ctx, c.Rate)
		if err != nil {
			return err
		}
		defer closed()
		selection, err := c.selection(ctx, w, g, filter)
		if err != nil {
			return err
		}
		if p.found, err = c.ask(ctx, w, p, selection); err != nil || c.DryRun {
			return err
		}
		return c.carryOut(ctx, w, p, selection)
	})
}

func (c dlqReplay) check() (deadletter.Filter, error) {
	narrowed := c.any(c.spanFlags)
	switch {
	case c.Limit < 0 || !(c.Rate >= 0): // not a number is neither
		return deadletter.Filter{}, &usageError{errors.New("dlq replay: --limit and --rate must not be negative")}
	case c.Letter != nil && (narrowed || c.All):
		return deadletter.Filter{}, &usageError{errors.New("dlq replay: give one dead letter, or flags that choose some, not both")}
	case c.Letter == nil && !narrowed && !c.All:
		return deadletter.Filter{}, &usageError{errors.New("dlq replay: say which: one dead letter, flags that choose some, or --all")}
	}
	return c.filter(c.spanFlags)
}

// selection is what was there when the command began: a letter that comes of
// the replay is not replayed by it.
func (c dlqReplay) selection(ctx context.Context, w *world, g *graveyard, filter deadletter.Filter) (*deadletter.Selection, error) {
	all, err := g.reader.Select(ctx, filter)
	if err != nil || c.Letter == nil {
		return all, err
	}
	one, err := g.find(ctx, w, c.Letter) // says so if there is none
	return all.Only(one.Partition, one.Offset), err
}

// ask counts what is to be replayed, where anybody wants to know, and asks
// before many.
func (c dlqReplay) ask(ctx context.Context, w *world, p *replaying, of *deadletter.Selection) (found int, err error) {
	if c.Yes && !c.DryRun && !isTerminal(w.stderr) {
		return 0, nil
	}
	shown := p.g.showReading(w)
	count, err := p.count(ctx, of, c.Limit)
	shown()
	switch {
	case err != nil:
		return 0, err
	case c.DryRun:
		count.DryRun = true
		return 0, c.show(w, count, count.write)
	case count.Chosen > askAbove:
		return count.Chosen, c.confirm(ctx, w, fmt.Sprintf("Replay %s?", counted(count.Chosen, "dead letter")))
	}
	return count.Chosen, nil
}

func (c dlqReplay) carryOut(ctx context.Context, w *world, p *replaying, of *deadletter.Selection) error {
	p.show = newProgress(w, p.found)
	err := p.all(ctx, of, c.Limit)
	p.show.end()
	if shown := c.show(w, &p.result, p.result.write); shown != nil {
		return shown
	}
	if err != nil {
		return fmt.Errorf("not all were replayed; the same command goes on with the rest: %w", err)
	}
	return nil
}
