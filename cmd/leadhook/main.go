// Command leadhook delivers leads: it reads them from Kafka, looks up the
// advertisers' webhooks in Redis, and POSTs each lead to every webhook that
// wants it. The same binary has the tools that operators need.
//
// This package has the command line and the commands that need one file. Commands
// with more files have folders: dev, dlq, publish, retries, secrets, seed, webhooks. What they
// share is in cli and internal/terminal. The service itself, which `leadhook run` and
// `leadhook dev` start, is in package service.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log" //nolint:depguard // only to silence it
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	devcmd "github.com/leadhook/leadhook/cmd/leadhook/dev"
	"github.com/leadhook/leadhook/cmd/leadhook/dlq"
	"github.com/leadhook/leadhook/cmd/leadhook/publish"
	"github.com/leadhook/leadhook/cmd/leadhook/retries"
	"github.com/leadhook/leadhook/cmd/leadhook/samplelead"
	"github.com/leadhook/leadhook/cmd/leadhook/secrets"
	"github.com/leadhook/leadhook/cmd/leadhook/seed"
	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/internal/terminal"
)

const name = "leadhook"

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	// net/http logs unexpected answers with the standard logger, and quotes them.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	a := &app{program: startedAs(os.Args[0]), args: os.Args[1:], environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(a.main(ctx))
}

// An app is the program with its arguments, environment and streams. Tests make
// their own.
type app struct {
	program string // how it was started; empty means leadhook
	args    []string
	environ []string
	stdin   io.Reader
	stdout  io.Writer // results
	stderr  io.Writer // everything else
}

// commands is the command line.
type commands struct {
	Config string `short:"c" placeholder:"FILE" complete:"file" help:"Settings file (YAML); default is the one that LEADHOOK_CONFIG names. Environment variables (LEADHOOK_…) override it."`

	Run       runCommand       `cmd:"" help:"Deliver leads: the service."`
	Dev       devcmd.Command   `cmd:"" help:"Everything in one process, to try it: Kafka, Redis, a sample CRM, the service."`
	Seed      seed.Command     `cmd:"" help:"Write webhooks from files."`
	Webhooks  webhooks.Command `cmd:"" help:"Show and test the webhooks, and change single ones."`
	Publish   publish.Command  `cmd:"" help:"Publish lead events to Kafka."`
	Explain   explainCommand   `cmd:"" help:"Show which webhooks want a lead event, and why the others do not."`
	DLQ       dlq.Command      `cmd:"" name:"dlq" help:"Show, count and replay dead letters."`
	Retries   retries.Command  `cmd:"" help:"Show and count what waits for its next attempt."`
	Topics    topicsCommand    `cmd:"" help:"Create or check the topics."`
	Secrets   secrets.Command  `cmd:"" help:"Make, check and replace the keys that seal webhooks."`
	ConfigCmd configCommand    `cmd:"" name:"config" help:"Show the settings in effect, and where each came from."`

	Completion completionCommand `cmd:"" help:"Print what a shell needs to complete leadhook's commands."`
	Complete   completeCommand   `cmd:"" name:"__complete" hidden:""`

	Version kong.VersionFlag `help:"Show the version."`
}

// exit is the panic that ends kong's parser after it has printed help or the
// version.
type exit int

// main runs the command line and returns the exit code.
func (a *app) main(ctx context.Context) int {
	out := terminal.NewResults(a.stdout)
	a.stdout = out
	code := a.command(ctx)
	if err := out.Lost(); err != nil && code == exitDone {
		return a.fail(fmt.Errorf("not all results could be written: %w", err))
	}
	return code
}

// command does the same, but does not check whether results could be written.
func (a *app) command(ctx context.Context) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	var all commands
	parser := a.parser(ctx, &all)
	if len(a.args) == 0 {
		a.args = []string{"--help"}
	}
	call, err := parser.Parse(a.args)
	if err != nil {
		return a.fail(&terminal.UsageError{Err: err})
	}
	return a.fail(call.Run(&cli.Env{
		Terminal:     &terminal.Terminal{Environ: a.environ, Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr},
		SettingsFile: all.Config,
		Version:      buildVersion(),
		Program:      cmp.Or(a.program, name),
	}))
}

func (a *app) parser(ctx context.Context, all *commands) *kong.Kong {
	parser, err := kong.New(all,
		kong.Name(name),
		kong.Description("Delivers leads from Kafka to the webhooks of advertisers' CRMs."),
		kong.Vars{"version": buildVersion(), "sampleAdvertiser": samplelead.Advertiser},
		kong.Writers(a.stdout, a.stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&all.Dev),
	)
	if err != nil {
		panic(err) // the command line is declared wrong
	}
	return parser
}

// fail prints err, unless it is nil, and returns the exit code.
func (a *app) fail(err error) int {
	switch usage, isUsage := errors.AsType[*terminal.UsageError](err); {
	case err == nil:
		return exitDone
	case isUsage:
		fmt.Fprintf(a.stderr, "leadhook: %v\n", usage)
		if _, parsing := errors.AsType[*kong.ParseError](err); parsing {
			fmt.Fprintln(a.stderr, `See "leadhook --help", or --help after a command.`)
		}
		return exitUsage
	case errors.Is(err, terminal.ErrShown):
		return exitFailed
	default:
		fmt.Fprintf(a.stderr, "leadhook: %v\n", err)
		return exitFailed
	}
}
