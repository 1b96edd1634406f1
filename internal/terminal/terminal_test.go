package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// atTerminal is a Terminal whose streams are a terminal, and the person's side
// of it.
func atTerminal(t *testing.T, environ ...string) (w *Terminal, person *os.File, screen *output) {
	t.Helper()
	person, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	screen = &output{}
	shown := make(chan struct{})
	go func() { _, _ = io.Copy(screen, person); close(shown) }()
	t.Cleanup(func() { _ = terminal.Close(); <-shown; _ = person.Close() })
	return &Terminal{Environ: environ, Stdin: terminal, Stdout: &Results{out: terminal}, Stderr: terminal}, person, screen
}

func TestAQuestionIsAskedOnATerminal(t *testing.T) {
	t.Parallel()
	for answer, yes := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "yep\n": false, "\x04": false} {
		w, person, screen := atTerminal(t)
		if _, err := io.WriteString(person, answer); err != nil {
			t.Fatal(err)
		}
		err := YesFlag{}.Confirm(t.Context(), w, "Remove 12 webhooks?")
		if (err == nil) != yes {
			t.Errorf("answer %q: got %v, want yes to be %v", answer, err, yes)
		}
		until(t, poll, "the question shows", func() bool { return strings.Contains(screen.String(), "Remove 12 webhooks? [y/N]") })
	}
}

func TestAQuestionEndsWhenInterrupted(t *testing.T) {
	t.Parallel()
	w, person, _ := atTerminal(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(errors.New("interrupted")) })
	if err := (YesFlag{}).Confirm(ctx, w, "Remove?"); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v, want that it was interrupted", err)
	}
	_, _ = io.WriteString(person, "\n") // lets the read end
}

func TestWhereNobodyCanAnswerYesMustBeGiven(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	w := &Terminal{Stdin: strings.NewReader("y\n"), Stdout: io.Discard, Stderr: &errs}
	err := YesFlag{}.Confirm(t.Context(), w, "Remove 12 webhooks?")
	if _, isUsage := errors.AsType[*UsageError](err); !isUsage || !containsAll(err.Error(), "Remove 12 webhooks?", "--yes") {
		t.Errorf("got %v, want a usage error that names --yes", err)
	}
	if err := (YesFlag{Yes: true}).Confirm(t.Context(), w, "Remove?"); err != nil || errs.Len() > 0 {
		t.Errorf("with --yes: got %v and %q, want no word", err, &errs)
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	t.Parallel()
	const painted = "\x1b[31mno\x1b[0m"
	for _, tc := range []struct{ environ, want string }{
		{"TERM=xterm", painted}, {"NO_COLOR=", painted}, {"NO_COLOR=1", "no"}, {"TERM=dumb", "no"},
	} {
		if w, _, _ := atTerminal(t, tc.environ); w.Paint(Red, "no") != tc.want {
			t.Errorf("%s: got %q, want %q", tc.environ, w.Paint(Red, "no"), tc.want)
		}
	}
	if got := (&Terminal{Stdout: &Results{out: &bytes.Buffer{}}}).Paint(Red, "no"); got != "no" {
		t.Errorf("elsewhere: got %q", got)
	}
}

func TestProgressShowsOnATerminalAlone(t *testing.T) {
	t.Parallel()
	w, _, screen := atTerminal(t)
	p := NewProgress(w, 1000)
	p.At(10)
	until(t, poll, "it shows after a second", func() bool { p.At(500); return strings.Contains(screen.String(), "] 500 of 1000, ") })
	p.End()
	p.End()
	until(t, poll, "the line is cleared", func() bool { return strings.HasSuffix(screen.String(), "\r\x1b[K") })
	if strings.Contains(screen.String(), " 10 of") {
		t.Errorf("what is done within a second shows nothing: %q", screen)
	}
	var errs bytes.Buffer
	p = NewProgress(&Terminal{Stderr: &errs}, 10)
	p.next = time.Time{}
	p.At(5)
	p.End()
	if errs.Len() > 0 {
		t.Errorf("on no terminal: got %q, want nothing", &errs)
	}
}

func TestProgressSaysHowFarHowFastAndHowLong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		done, of int
		want     string
	}{
		{500, 2000, "[#####...............] 500 of 2000, 50/s, 30s left"},
		{0, 2000, "[....................] 0 of 2000, 0/s"},
		{2000, 2000, "[####################] 2000 of 2000, 200/s, 0s left"},
		{2100, 2000, "[####################] 2100 of 2000, 210/s, 0s left"},
		{1234, 0, "1234, 123/s"},
	} {
		if got := progressLine(tc.done, tc.of, 10*time.Second); got != tc.want {
			t.Errorf("%d of %d: got %q, want %q", tc.done, tc.of, got, tc.want)
		}
	}
}
