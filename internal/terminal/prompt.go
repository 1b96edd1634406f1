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
	Yes bool `short:"y" help:"Do not ask. Required without a terminal, as in a script."`
}

// Confirm asks a question, such as "Remove 12 webhooks?", and returns nil if the
// answer is yes. With --yes it does not ask. Without --yes and without a
// terminal to ask on, it returns a [UsageError].
func (f YesFlag) Confirm(ctx context.Context, t *Terminal, question string) error {
	if f.Yes {
		return nil
	}
	if !IsTerminal(t.Stdin) || !IsTerminal(t.Stderr) {
		return &UsageError{Err: fmt.Errorf("nothing changed: %s There is no terminal to ask on; answer with --yes", question)}
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
	return errors.New("cancelled; nothing changed")
}

// readLine reads a line of standard input, until ctx ends. The read itself cannot
// be interrupted: its goroutine stays until the process ends.
func (t *Terminal) readLine(ctx context.Context) (string, error) {
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(t.Stdin).ReadString('\n') // at the end of input it is empty, which means no
		line <- text
	}()
	select {
	case text := <-line:
		return text, nil
	case <-ctx.Done():
		fmt.Fprintln(t.Stderr)
		return "", fmt.Errorf("nothing changed: %w", context.Cause(ctx))
	}
}
