// Command leadhook delivers leads: it reads them from Kafka, looks up the
// advertisers' webhooks in Redis, and POSTs each lead to every webhook that
// wants it. The same binary holds the tools that operators need beside it.
//
// The way of a lead: consumer reads it, dispatch decodes it, asks webhook
// for the webhooks, has formats render it, and POSTs it; producer keeps as a
// dead letter what a CRM will not take. This package wires them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log" //nolint:depguard // only to silence it
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/leadhook/leadhook/config"
)

// version is set by the linker for releases.
var version = "dev"

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
	w := &world{args: os.Args[1:], environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(w.main(ctx))
}

// A world is all that a command knows of the outside: tests make their own.
type world struct {
	args    []string
	environ []string
	stdin   io.Reader
	stdout  io.Writer // results
	stderr  io.Writer // everything else

	settingsFile string
}

// commands is the command line.
type commands struct {
	Config string `short:"c" placeholder:"FILE" complete:"file" help:"Settings file (YAML); default is the one that LEADHOOK_CONFIG names. Environment variables (LEADHOOK_…) override it."`

	Run       runCommand      `cmd:"" help:"Deliver leads: the service."`
	Dev       devCommand      `cmd:"" help:"Everything in one process, to try it: Kafka, Redis, a sample CRM, the service."`
	Seed      seedCommand     `cmd:"" help:"Write webhooks from files to Redis."`
	Webhooks  webhooksCommand `cmd:"" help:"Look at the webhooks in Redis, and change single ones."`
	Publish   publishCommand  `cmd:"" help:"Publish lead events to Kafka."`
	Explain   explainCommand  `cmd:"" help:"Say which webhooks want a lead event, and why the others do not."`
	DLQ       dlqCommand      `cmd:"" name:"dlq" help:"Look at the dead letters."`
	Topics    topicsCommand   `cmd:"" help:"Create or check the topics."`
	ConfigCmd configCommand   `cmd:"" name:"config" help:"Show the settings in effect, and where each came from."`

	Completion completionCommand `cmd:"" help:"Print what a shell needs to complete leadhook's commands."`
	Complete   completeCommand   `cmd:"" name:"__complete" hidden:""`

	Version kong.VersionFlag `help:"Show the version."`
}

// exit is what kong's parser ends with when it has printed help or the version.
type exit int

// main runs the command line and returns the exit code.
func (w *world) main(ctx context.Context) int {
	out := &results{out: w.stdout}
	w.stdout = out
	code := w.command(ctx)
	if err := out.lost(); err != nil && code == exitDone {
		return w.fail(fmt.Errorf("not all results could be written: %w", err))
	}
	return code
}

// command does the same, and does not care what became of its results.
func (w *world) command(ctx context.Context) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	var cli commands
	parser := w.parser(ctx, &cli)
	if len(w.args) == 0 {
		w.args = []string{"--help"}
	}
	call, err := parser.Parse(w.args)
	if err != nil {
		return w.fail(&usageError{err})
	}
	w.settingsFile = cli.Config
	return w.fail(call.Run())
}

func (w *world) parser(ctx context.Context, cli *commands) *kong.Kong {
	parser, err := kong.New(cli,
		kong.Name("leadhook"),
		kong.Description("Delivers leads from Kafka to the webhooks of advertisers' CRMs."),
		kong.Vars{"version": buildVersion(), "sampleAdvertiser": sampleAdvertiser},
		kong.Writers(w.stdout, w.stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(w, cli),
	)
	if err != nil {
		panic(err) // the command line is declared wrong
	}
	return parser
}

// fail says what went wrong, if anything did, and returns the exit code.
func (w *world) fail(err error) int {
	switch usage, isUsage := errors.AsType[*usageError](err); {
	case err == nil:
		return exitDone
	case isUsage:
		fmt.Fprintf(w.stderr, "leadhook: %v\n", usage)
		if _, parsing := errors.AsType[*kong.ParseError](err); parsing {
			fmt.Fprintln(w.stderr, `See "leadhook --help", or --help after a command.`)
		}
		return exitUsage
	case errors.Is(err, errSaid):
		return exitFailed
	default:
		fmt.Fprintf(w.stderr, "leadhook: %v\n", err)
		return exitFailed
	}
}

// A usageError is the caller's: wrong flags, wrong settings.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errSaid makes the exit code 1 without another word: what is wrong was the
// command's result, and is printed.
var errSaid = errors.New("said already")

// settings loads the settings; an error lists every fault in them.
func (w *world) settings() (config.Loaded, error) {
	loaded, err := config.Load(w.settingsFile, w.environ)
	if err != nil {
		return loaded, &usageError{err}
	}
	return loaded, nil
}

// buildVersion is the linker's version or, built with plain go, the module's.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}
