package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// yesFlag is the flag of commands that ask before they act. Embed it in the
// command.
type yesFlag struct {
	Yes bool `short:"y" help:"Do not ask. Needed where nobody can answer, as in a script."`
}

// confirm asks a question, such as "Remove 12 webhooks?", and returns nil for
// yes. Where nobody can answer, on no terminal, the flag --yes must have done
// so; without it, confirm returns a usage error.
func (f yesFlag) confirm(ctx context.Context, w *world, question string) error {
	if f.Yes {
		return nil
	}
	if !isTerminal(w.stdin) || !isTerminal(w.stderr) {
		return &usageError{fmt.Errorf("nothing was done: %s There is no terminal to ask on; --yes answers yes", question)}
	}
	fmt.Fprintf(w.stderr, "%s [y/N] ", question)
	answer, err := w.readLine(ctx)
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was done, as you wish")
}

// readLine reads a line of standard input. What ends ctx ends it; the read
// itself cannot be cut, and is left to the end of the process.
func (w *world) readLine(ctx context.Context) (string, error) {
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(w.stdin).ReadString('\n') // at its end: nothing, which is no yes
		line <- text
	}()
	select {
	case text := <-line:
		return text, nil
	case <-ctx.Done():
		fmt.Fprintln(w.stderr)
		return "", fmt.Errorf("nothing was done: %w", context.Cause(ctx))
	}
}

// isTerminal says whether a person reads, or types, what goes through stream.
func isTerminal(stream any) bool {
	if out, ok := stream.(*results); ok {
		stream = out.out
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A style is a way to write on a terminal.
type style string

// The styles: of a heading, of what is well, worth a look, and wrong.
const (
	bold   style = "1"
	green  style = "32"
	yellow style = "33"
	red    style = "31"
)

// paint puts text for standard output into a style if that is a terminal that
// knows colours, and the person has not asked for none (NO_COLOR, no-color.org).
// Not for the cells of a table: their width would count the invisible.
func (w *world) paint(s style, text string) string {
	if !isTerminal(w.stdout) || w.variable("NO_COLOR") != "" || w.variable("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// variable is an environment variable's value; "" if it is not set.
func (w *world) variable(name string) string {
	i := slices.IndexFunc(w.environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	if i < 0 {
		return ""
	}
	return w.environ[i][len(name)+1:]
}
