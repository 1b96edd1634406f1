package terminal

import (
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
)

// shownAt is what a list of two webhooks looks like on a terminal of a width.
func shownAt(t *testing.T, columns uint16, format string) string {
	t.Helper()
	term, person, screen := atTerminal(t)
	if err := pty.Setsize(person, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	l := OutputFlag{Output: format}.List(term, "ID", "ADVERTISER", "STATE", "LEAD TYPES", "FORMAT", "URL").Spare("FORMAT", "LEAD TYPES")
	for _, cells := range [][]string{
		{"prairie-new", "USA_332240", "active", "calls,chats,forms", "json", "https://crm.example.com/v1/leads/new/of/prairie/motors"},
		{"h", "CAN_118207", "disabled", "forms", "adf", "https://é.example.com/"},
	} {
		if err := l.Add(nil, cells...); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	until(t, poll, "both rows show", func() bool { return strings.Count(screen.String(), "\n") == 3 })
	return strings.ReplaceAll(screen.String(), "\r", "")
}

func TestATableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	const whole = `ID           ADVERTISER  STATE     LEAD TYPES         FORMAT  URL
prairie-new  USA_332240  active    calls,chats,forms  json    https://crm.example.com/v1/leads/new/of/prairie/motors
h            CAN_118207  disabled  forms              adf     https://é.example.com/
`
	for _, tc := range []struct {
		columns uint16
		format  string
		want    string
	}{
		{200, "table", whole}, {0, "table", whole}, {40, "wide", whole},
		{100, "table", `ID           ADVERTISER  STATE     LEAD TYPES         FORMAT  URL
prairie-new  USA_332240  active    calls,chats,forms  json    https://crm.example.com/v1/leads/new/…
h            CAN_118207  disabled  forms              adf     https://é.example.com/
`},
		{72, "table", `ID           ADVERTISER  STATE     LEAD TYPES         URL
prairie-new  USA_332240  active    calls,chats,forms  https://crm.examp…
h            CAN_118207  disabled  forms              https://é.example…
`},
		{60, "table", `ID           ADVERTISER  STATE     URL
prairie-new  USA_332240  active    https://crm.example.com/…
h            CAN_118207  disabled  https://é.example.com/
`},
		{20, "table", `ID           ADVERT…
prairie-new  USA_33…
h            CAN_11…
`},
	} {
		if diff := cmp.Diff(tc.want, shownAt(t, tc.columns, tc.format)); diff != "" {
			t.Errorf("%s in %d columns: want (-), got (+):\n%s", tc.format, tc.columns, diff)
		}
	}
}

func TestWhatIsFollowedFitsTheTerminal(t *testing.T) {
	t.Parallel()
	term, person, screen := atTerminal(t)
	if err := pty.Setsize(person, &pty.Winsize{Rows: 24, Cols: 50}); err != nil {
		t.Fatal(err)
	}
	l, err := OutputFlag{Output: "table"}.Follow(term, []string{"LEAD"}, "TIME", "LEAD", "ERROR")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(nil, "12:00", "17", strings.Repeat("x", 100)); err != nil {
		t.Fatal(err)
	}
	until(t, poll, "the row shows", func() bool { return strings.Count(screen.String(), "\n") == 2 })
	want := "TIME            LEAD            ERROR\r\n12:00           17              " + strings.Repeat("x", 17) + "…\r\n"
	if diff := cmp.Diff(want, screen.String()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// TestWhatHasNoColumnsIsNotCut has a command in it that somebody will copy.
func TestWhatHasNoColumnsIsNotCut(t *testing.T) {
	t.Parallel()
	term, person, screen := atTerminal(t)
	if err := pty.Setsize(person, &pty.Winsize{Rows: 24, Cols: 20}); err != nil {
		t.Fatal(err)
	}
	text := "problem: leads.dlq has too few partitions: kafka-topics.sh --alter"
	l := OutputFlag{Output: "table"}.List(term)
	if err := l.Add(nil, text); err != nil || l.End() != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "all of it shows", func() bool { return strings.Contains(screen.String(), text) })
}
