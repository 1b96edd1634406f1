// Command leadhook delivers leads: it reads them from Kafka, looks up the
// advertisers' webhooks in Redis, and POSTs each lead to every webhook that
// wants it. The same binary holds the tools that operators need beside it.
//
// The way of a lead: consumer reads it, dispatch decodes it, asks webhook
// for the webhooks, has formats render it, and POSTs it; producer keeps as a
// dead letter what a CRM will not take. This package wires them.
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
	"github.com/leadhook/leadhook/cmd/leadhook/samplelead"
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
	// net/http tells the standard logger of odd answers, and quotes them.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	a := &app{program: startedAs(os.Args[0]), args: os.Args[1:], environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(a.main(ctx))
}

// An app is the program and all that it knows of the outside: tests make their
// own.
type app struct {
	program string // how the person started it; "": leadhook
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
	Seed      seed.Command     `cmd:"" help:"Write webhooks from files to Redis."`
	Webhooks  webhooks.Command `cmd:"" help:"Look at the webhooks in Redis, and change single ones."`
	Publish   publish.Command  `cmd:"" help:"Publish lead events to Kafka."`
	Explain   explainCommand   `cmd:"" help:"Say which webhooks want a lead event, and why the others do not."`
	DLQ       dlq.Command      `cmd:"" name:"dlq" help:"Look at the dead letters."`
	Topics    topicsCommand    `cmd:"" help:"Create or check the topics."`
	ConfigCmd configCommand    `cmd:"" name:"config" help:"Show the settings in effect, and where each came from."`

	Completion completionCommand `cmd:"" help:"Print what a shell needs to complete leadhook's commands."`
	Complete   completeCommand   `cmd:"" name:"__complete" hidden:""`

	Version kong.VersionFlag `help:"Show the version."`
}

// exit is what kong's parser ends with when it has printed help or the version.
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

// command does the same, and does not care what became of its results.
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

// fail says what went wrong, if anything did, and returns the exit code.
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
