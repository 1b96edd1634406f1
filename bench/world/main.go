// World measures leadhook in a world like the one it is made for: hosts that are
// slow, hang, drip, fail, refuse and close, with TLS, beside such as are well.
//
//	make world                        # every case, at most 45 minutes; writes docs/performance.md and docs/world.svg
//	make world WORLD_SHORT=1          # two minutes of it, as in CI; writes no file
//	make world WORLD_RUN='slow|429'   # the cases whose names match; writes no file
//	make world WORLD_LIMIT=90m        # with more time: what there is no time for is left out
//	make world WORLD_BESIDE='COMMAND' # each case also with another program
//
// It starts a real Kafka and a real Redis, the service as processes, and the CRMs
// (package crm) in this process, all in a network namespace of its own. Leads are
// published here too, at the times that a plan says, whatever the service does:
// how old a lead is counts from then. A case is a situation beside the same leads
// while all is calm. Each of three rounds has all cases, and one run that is calm for
// those with the same leads.
//
// The other program is told what to read and whom to trust in WORLD_BROKERS,
// WORLD_TOPIC, WORLD_GROUP and SSL_CERT_FILE. It must POST each event, or the lead
// in it, to the lead's member "url".
//
// The files by purpose:
//
//	main, namespace          from the command line into the namespace
//	stack, process, bare     servers, the service, and the loop beside which it is held
//	set, plan, publish       webhooks, leads, and when they are published
//	run, arrivals, result    one run, and what was seen
//	case, cases, figure      situations, and what they must come to
//	rounds, table, picture   the order of all runs, and what is written
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// The environment variables that say how the world runs.
const (
	shortVariable  = "WORLD_SHORT"  // not empty: fewer and shorter cases, once each
	runVariable    = "WORLD_RUN"    // a regular expression for the names of cases; empty: all
	limitVariable  = "WORLD_LIMIT"  // how long all runs together may take; empty: as usual
	besideVariable = "WORLD_BESIDE" // a command that is measured beside the service; empty: none
	docsVariable   = "WORLD_DOCS"   // the directory whose performance.md and world.svg a whole run writes; empty: none
	dirVariable    = "WORLD_DIR"    // set within the namespace: where the binaries are
)

// usualLimit is how long all runs together may take, unless [limitVariable] says
// otherwise.
const usualLimit = "44m" // and a minute to build and start

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "world:", err)
		}
		os.Exit(1)
	}
}

// errSaid is an error that has been told to the user.
var errSaid = errors.New("the world has said what went wrong")

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == bareCommand {
		return bare(ctx, args[1:])
	}
	if dir := os.Getenv(dirVariable); dir != "" {
		return inside(ctx, dir)
	}
	m, err := choices()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "leadhook-world-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// The way out of the namespace is closed, and so is the way to other modules.
	for _, tags := range m.builds() {
		if err := build(ctx, dir, tags); err != nil {
			return err
		}
	}
	err = enter(ctx, nil, []string{dirVariable + "=" + dir})
	if ended, ok := errors.AsType[*exec.ExitError](err); ok && ended.Exited() {
		return errSaid
	}
	return err
}

// withoutIsolation is the build tag of a service without a limiter.
const withoutIsolation = "broken_isolation"

// builds returns the build tags of all services that are measured.
func (m *measurement) builds() []string {
	tags := []string{""} // it also has the commands that prepare a run
	for _, g := range m.cases {
		for _, c := range g.cases {
			if !slices.Contains(tags, c.tags) {
				tags = append(tags, c.tags)
			}
		}
	}
	return tags
}

func build(ctx context.Context, dir, tags string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-o", binary(dir, tags), "./cmd/leadhook") //nolint:gosec // the tags are ours
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }                                    // which has it tidy up
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build leadhook: %w\n%s", err, out)
	}
	return nil
}

func binary(dir, tags string) string { return filepath.Join(dir, "leadhook-"+tags) }

// inside is the world's life within the namespace.
func inside(ctx context.Context, dir string) (err error) {
	m, err := choices()
	if err != nil {
		return err
	}
	if err := settle(dir); err != nil {
		return err
	}
	s, err := startStack(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	m.stack = s
	err = m.measure(ctx)
	fmt.Println(m.markdown())
	if docs := os.Getenv(docsVariable); docs != "" && m.whole && err == nil {
		return m.write(docs)
	}
	return err
}

// choices returns what the environment says is to be measured.
func choices() (*measurement, error) {
	match, err := regexp.Compile(os.Getenv(runVariable))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", runVariable, err)
	}
	limit, err := time.ParseDuration(cmp.Or(os.Getenv(limitVariable), usualLimit))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", limitVariable, err)
	}
	short := os.Getenv(shortVariable) != ""
	m := &measurement{subjects: subjects(os.Getenv(besideVariable)), cases: choose(allCases(short), match, short),
		rounds: 3, began: time.Now(), ends: time.Now().Add(limit), whole: !short && match.String() == ""}
	if short {
		m.rounds = 1
	}
	if len(m.cases) == 0 {
		return nil, fmt.Errorf("no case matches %s=%s", runVariable, match)
	}
	return m, nil
}
