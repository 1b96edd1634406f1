package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

// YesFlag is the flag of commands that ask before they act. Embed it in the
// command.
type YesFlag struct {
	Yes bool `short:"y" help:"Do not ask. Needed where nobody can answer, as in a script."`
}

// Confirm asks a question, such as "Remove 12 webhooks?", and returns nil for
// yes. Where nobody can answer, on no terminal, the flag --yes must have done
// so; without it, confirm returns a usage error.
func (f YesFlag) Confirm(ctx context.Context, t *Terminal, question string) error {
	if f.Yes {
		return nil
	}
	if !IsTerminal(t.Stdin) || !IsTerminal(t.Stderr) {
		return &UsageError{Err: fmt.Errorf("nothing was done: %s There is no terminal to ask on; --yes answers yes", question)}
	}
	fmt.Fprintf(t.Stderr, "%s [y/N] ", question)
	answer, err := t.readLine(ctx)
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
func (t *Terminal) readLine(ctx context.Context) (string, error) {
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(t.Stdin).ReadString('\n') // at its end: nothing, which is no yes
		line <- text
	}()
	select {
	case text := <-line:
		return text, nil
	case <-ctx.Done():
		fmt.Fprintln(t.Stderr)
		return "", fmt.Errorf("nothing was done: %w", context.Cause(ctx))
	}
}
