package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
)

// TestListsFitATerminalOf80Columns looks at what is longest: webhooks with long
// URLs, and dead letters with what a CRM answered.
func TestListsFitATerminalOf80Columns(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer})
	advertiser := r.name("USA_1")
	h := r.hook("refuses", advertiser)
	r.seed(h)
	crm.on(h, answerOf(422))
	r.publish(calls(advertiser, 1, 3)...)
	r.run()
	r.settled()
	for _, command := range []string{"webhooks list", "dlq list"} {
		command += " --advertiser " + advertiser // a real Redis has the webhooks of other tests
		piped := r.must("", strings.Fields(command)...)
		lines := strings.Count(piped, "\n")
		atScreen := func(args ...string) string {
			w, person, screen := atTerminal(t, r.environ...)
			if err := pty.Setsize(person, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
				t.Fatal(err)
			}
			w.args = append(strings.Fields(command), args...)
			if code := w.main(t.Context()); code != exitDone {
				t.Fatalf("%s: exit code %d:\n%s", command, code, screen)
			}
			until(t, poll, "all lines show", func() bool { return strings.Count(screen.String(), "\n") == lines })
			return strings.NewReplacer("\r", "", "\x1b[K", "").Replace(screen.String())
		}
		shown := atScreen()
		for line := range strings.Lines(shown) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s: a line of %d characters:\n%s", command, n, shown)
			}
		}
		if !containsAll(shown, "…", h.ID[:4]) {
			t.Errorf("%s: nothing is cut:\n%s", command, shown)
		}
		pipedWide := r.must("", append(strings.Fields(command), "--output", "wide")...)
		if wide := atScreen("--output", "wide"); wide != pipedWide {
			t.Errorf("%s: wide shows\n%swant what a pipe gets:\n%s", command, wide, pipedWide)
		}
	}
}
