// Package seed is `leadhook seed`: it publishes the webhooks of files.
package seed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// Command is `leadhook seed`.
type Command struct {
	Files    []string `arg:"" name:"file" complete:"file" help:"Seed files (YAML or JSON), or directories with such files; - is standard input."`
	DryRun   bool     `help:"Show what would change, field by field, and write nothing."`
	Prune    bool     `help:"Remove the webhooks that the files do not have."`
	Damaged  bool     `name:"replace-damaged" help:"Replace what is stored and cannot be read, since it is damaged or its key is lost."`
	AllowEnv bool     `help:"Let standard input and pipes refer to environment variables too."`
	Quiet    bool     `short:"q" help:"Show only how many were added, changed and unchanged."`

	cli.ActorFlag
	terminal.YesFlag
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (Command) Help() string {
	return `All files are checked first; if anything is wrong with one of them, every fault is shown and nothing
is written. Webhooks that are not in the files stay as they are; --prune removes them. A directory stands
for all *.yaml, *.yml and *.json files in it and in the directories below it. Secrets may be references to
environment variables whose names begin with WEBHOOK_ (secrets.env_prefix), such as ${WEBHOOK_TOKEN}; on
standard input, only with --allow-env.

What is done when the command ends is in Kafka for good, and running services follow at once. It needs
Redis only the first time and for --prune.

If all that is stored of an advertiser cannot be read, its seed is refused. --replace-damaged puts the
webhooks of the files in its place; the advertiser's other webhooks are gone then, and so is its history.
Where even whose an id is cannot be read, the id goes to the advertiser in the files. Look first, with leadhook
secrets check, whether only a key is missing in the settings.

Examples:
  leadhook seed examples/seed.yaml
  leadhook seed advertisers/ --dry-run
  leadhook seed advertisers/ --prune --yes
  leadhook seed advertisers/prairie.yaml --replace-damaged
  generate-webhooks | leadhook seed -`
}

// Run writes the webhooks.
func (c Command) Run(ctx context.Context, env *cli.Env) error {
	collectOften()
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
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		for _, text := range warnings {
			fmt.Fprintf(env.Stderr, "warning: %s\n", text)
		}
		bar := &bars{env: env}
		changes, err := c.Editor(env, log, "leadhook seed").SeedAll(ctx, hooks, edit.SeedOptions{
			PerAdvertiser: most, DryRun: c.DryRun, Prune: c.Prune, ReplaceDamaged: c.Damaged, Progress: bar.at,
			Confirm: func(loss edit.Loss) error {
				bar.end()
				return c.Confirm(ctx, env.Terminal, question(loss))
			},
		})
		bar.end()
		if epoch, wrong := log.Epoch(ctx); err == nil && wrong == nil {
			_ = log.Filled(ctx, epoch) // where no service runs, nobody else would do it yet
		}
		if _, refused := errors.AsType[*terminal.UsageError](err); refused {
			return err
		}
		return errors.Join(c.report(env, changes), err)
	})
}

// question asks whether what a seed would take away may go.
func question(loss edit.Loss) string {
	var deeds []string
	if loss.Lists > 0 {
		deeds = append(deeds, fmt.Sprintf("replace all that is stored of %s and cannot be read", terminal.Counted(loss.Lists, "advertiser")))
	}
	if loss.Owners > 0 {
		deeds = append(deeds, fmt.Sprintf("give %s with an unreadable owner to the advertisers in the files", terminal.Counted(loss.Owners, "id")))
	}
	text := ""
	if loss.Removed > 0 {
		deeds = append(deeds, fmt.Sprintf("remove %s that the files do not have", terminal.Counted(loss.Removed, "webhook")))
		text = " Leads from now on are not sent there and not kept."
	}
	all := strings.Join(deeds, ", and ")
	return strings.ToUpper(all[:1]) + all[1:] + "?" + text
}

// collectOften lets the heap grow by half of what is in use, and not by as much again,
// unless GOGC is set. Of a large seed little is kept of each webhook, and much is thrown
// away while it is read.
func collectOften() {
	const percent = 50
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// read reads and checks all files. The error has every fault in them. It also
// returns the warnings. prefix is what the variables begin with that files may refer to.
func (c Command) read(ctx context.Context, env *cli.Env, prefix string, opts seedfile.Options) (seedfile.Webhooks, []string, error) {
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
