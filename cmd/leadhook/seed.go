package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/subscription"
)

// seedCommand writes webhooks to Redis.
type seedCommand struct {
	Files []string `arg:"" name:"file" complete:"file" help:"Seed files (YAML or JSON); - is standard input."`
	Quiet bool     `short:"q" help:"Say only how many were added, changed and unchanged."`

	outputFlag
}

// Help is what --help says beyond the flags.
func (seedCommand) Help() string {
	return `All files are checked first; if anything is wrong with any of them, every fault is shown and
nothing is written. Webhooks that are in Redis and not in the files stay as they are.

Examples:
  leadhook seed examples/seed.yaml
  leadhook seed advertisers/*.yaml
  generate-webhooks | leadhook seed -`
}

// Run seeds.
func (c seedCommand) Run(ctx context.Context, w *world) error {
	loaded, err := w.settings()
	if err != nil {
		return err
	}
	guard := dispatch.NewGuard(guardOptions(loaded.Config.HTTP))
	hooks, err := c.read(ctx, w, guard)
	if err != nil {
		return err
	}
	rdb, err := connectRedis(loaded.Config.Redis)
	if err != nil {
		return &usageError{err}
	}
	defer func() { _ = rdb.Close() }()
	if err := reachRedis(ctx, rdb, loaded.Config.Redis); err != nil {
		return err
	}
	changes, err := subscription.NewStore(rdb).Seed(ctx, hooks)
	return errors.Join(c.report(w, changes), err)
}

// read reads and checks all files, and reports every fault of all of them.
func (c seedCommand) read(ctx context.Context, w *world, guard *dispatch.Guard) ([]lead.Webhook, error) {
	var files [][]subscription.SeedWebhook
	var errs []error
	for _, name := range c.Files {
		data, shown, err := w.readInput(ctx, name, subscription.MaxSeedFile)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		hooks, err := subscription.ParseSeed(shown, data, guard.CheckURL)
		errs = append(errs, err)
		files = append(files, hooks)
	}
	hooks, err := subscription.MergeSeeds(files...)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("nothing was written:\n%w", err)
	}
	return hooks, nil
}

func (c seedCommand) report(w *world, changes subscription.Changes) error {
	l := c.list(w)
	for _, change := range changes {
		if c.Quiet || change.What == subscription.Unchanged {
			continue
		}
		row := seedJSON{What: string(change.What), Webhook: change.Webhook, Advertiser: change.Advertiser}
		if err := l.add(row, fmt.Sprintf("%-9s %s (%s)", row.What, row.Webhook, row.Advertiser)); err != nil {
			return err
		}
	}
	if err := l.end(); err != nil {
		return err
	}
	sum := w.stderr
	if c.table() {
		sum = w.stdout
	}
	fmt.Fprintf(sum, "%d added, %d changed, %d unchanged\n", changes.Count(subscription.Added),
		changes.Count(subscription.Changed), changes.Count(subscription.Unchanged))
	return nil
}

// seedJSON is what became of a webhook, for programs.
type seedJSON struct {
	What       string `json:"what"`
	Webhook    string `json:"webhook"`
	Advertiser string `json:"advertiser"`
}
