// Package seed is `leadhook seed`: it writes webhooks from files to Redis.
package seed

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// Command is `leadhook seed`.
type Command struct {
	Files    []string `arg:"" name:"file" complete:"file" help:"Seed files (YAML or JSON), or directories with such files; - is standard input."`
	DryRun   bool     `help:"Show what would change, field by field, and write nothing."`
	Prune    bool     `help:"Remove the webhooks that the files do not have."`
	AllowEnv bool     `help:"Let standard input and pipes refer to environment variables too."`
	Quiet    bool     `short:"q" help:"Show only how many were added, changed and unchanged."`

	terminal.YesFlag
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (Command) Help() string {
	return `All files are checked first; if anything is wrong with one of them, every fault is shown and nothing
is written. Webhooks that are in Redis and not in the files stay as they are; --prune removes them. A
directory stands for all *.yaml, *.yml and *.json files in it and in the directories below it. Secrets
may be references to environment variables whose names begin with WEBHOOK_ (secrets.env_prefix), such
as ${WEBHOOK_TOKEN}; on standard input, only with --allow-env.

Examples:
  leadhook seed examples/seed.yaml
  leadhook seed advertisers/ --dry-run
  leadhook seed advertisers/ --prune --yes
  generate-webhooks | leadhook seed -`
}

// Run writes the webhooks.
func (c Command) Run(ctx context.Context, env *cli.Env) error {
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	guard := attempt.NewGuard(service.GuardOptions(loaded.Config.HTTP))
	most := loaded.Config.Webhooks.PerAdvertiser
	prefix := loaded.Config.Secrets.EnvPrefix
	hooks, warnings, err := c.read(ctx, env, prefix, seedfile.Options{PerAdvertiser: most, CheckURL: guard.CheckURL})
	if err != nil {
		return err
	}
	return env.WithStore(ctx, func(store *webhook.Store) error {
		for _, text := range warnings {
			fmt.Fprintf(env.Stderr, "warning: %s\n", text)
		}
		bar := &bars{env: env}
		changes, err := store.Seed(ctx, hooks, webhook.SeedOptions{
			PerAdvertiser: most, DryRun: c.DryRun, Prune: c.Prune, Progress: bar.at,
			Confirm: func(removed int) error {
				bar.end()
				return c.Confirm(ctx, env.Terminal, fmt.Sprintf("Remove %s that the files do not have?", terminal.Counted(removed, "webhook")))
			},
		})
		bar.end()
		if _, refused := errors.AsType[*terminal.UsageError](err); refused {
			return err
		}
		return errors.Join(c.report(env, changes), err)
	})
}

// read reads and checks all files. The error has every fault in them. It also
// returns the warnings. prefix is what the variables begin with that files may refer to.
func (c Command) read(ctx context.Context, env *cli.Env, prefix string, opts seedfile.Options) ([]lead.Webhook, []string, error) {
	names, err := seedFiles(c.Files)
	errs := []error{err}
	bar := &bars{env: env}
	defer bar.end()
	opts.Progress = bar.at
	var files [][]seedfile.Entry
	for _, name := range names {
		data, shown, err := env.ReadInput(ctx, name, seedfile.MaxSize)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		opts.Variable = c.variables(env, name, prefix)
		hooks, err := seedfile.Parse(ctx, shown, data, opts)
		errs = append(errs, err)
		files = append(files, hooks)
	}
	bar.end()
	hooks, err := seedfile.Merge(opts, files...)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, nil, fmt.Errorf("nothing was written:\n%w", err)
	}
	return hooks, seedfile.Warnings(files...), nil
}

// bars shows the progress of one step after the other: a new bar begins when the
// count does.
type bars struct {
	env  *cli.Env
	bar  *terminal.Progress
	last int
}

func (b *bars) at(done, of int) {
	if b.bar == nil || done <= b.last {
		b.end()
		b.bar = terminal.NewProgress(b.env.Terminal, of)
	}
	b.last = done
	b.bar.At(done)
}

func (b *bars) end() {
	if b.bar != nil {
		b.bar.End()
	}
}
