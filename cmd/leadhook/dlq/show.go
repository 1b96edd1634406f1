package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
)

type showCommand struct {
	Letter   letterAt `arg:"" help:"PARTITION/OFFSET, or a delivery's id, which means its newest dead letter."`
	ShowData bool     `help:"Show the lead as it was published, with the personal data in it."`

	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (showCommand) Help() string {
	return `Without --show-data, the event's ids, types, states and times are shown, and *** for everything else. An
event that cannot be read is shown only with --show-data. A delivery's id is searched for from the end of
the topic backwards, which takes longer than PARTITION/OFFSET.

Examples:
  leadhook dlq show 3/17
  leadhook dlq show dlv_98a1a89e7df92024f58a6ff17cdc5f33
  leadhook dlq show 3/17 --show-data --output json | jq .event.lead`
}

// Run shows a letter.
func (c showCommand) Run(ctx context.Context, env *cli.Env) error {
	return withDeadLetters(ctx, env, func(g *letterTopic) error {
		letter, err := g.find(ctx, env, &c.Letter)
		if err != nil {
			return err
		}
		fate := lead.Fate("")
		if !undeliverable(&letter) {
			fates, err := g.fates(ctx, []deadletter.Letter{letter})
			if err != nil {
				fmt.Fprintf(env.Stderr, "leadhook: what became of it is not known: %v\n", err)
			}
			fate = fates[0]
		}
		shown := shownLetter{letterJSON: newLetterJSON(&letter), Source: source(&letter.Message)}
		shown.Now = fate
		event := c.event(letter.Message.Value, &shown)
		return c.Show(env.Terminal, shown, func(out io.Writer) error {
			if err := showHistory(out, &letter, &shown); err != nil {
				return err
			}
			_, err := fmt.Fprintf(out, "\n%s\n", event)
			return err
		})
	})
}

// find returns the letter with its event.
func (g *letterTopic) find(ctx context.Context, env *cli.Env, at *letterAt) (deadletter.Letter, error) {
	if at.delivery != "" {
		shown := g.showReading(env)
		newest, err := g.newest(ctx, at.delivery)
		shown()
		if err != nil {
			return newest, err
		}
		at = &letterAt{partition: newest.Partition, offset: newest.Offset}
	}
	return g.reader.Get(ctx, at.partition, at.offset)
}

// A shownLetter is a letter with its event, for programs.
type shownLetter struct {
	letterJSON

	Source     string          `json:"source,omitempty"`
	Masked     bool            `json:"masked,omitempty"`      // of the event
	Event      json.RawMessage `json:"event,omitempty"`       // if it can be read
	EventBytes []byte          `json:"event_bytes,omitempty"` // else
}

// event returns what to show of the event for people, and puts it into shown for
// programs.
func (c showCommand) event(value []byte, shown *shownLetter) string {
	masked, refused := lead.Mask(value)
	switch {
	case refused != nil && !c.ShowData:
		return "The event cannot be read: --show-data shows its bytes."
	case refused != nil:
		shown.EventBytes = value
		return quoted(value)
	case !c.ShowData:
		shown.Masked, shown.Event = true, masked
		return indented(masked) + "\n*** stands for what may be personal: --show-data shows it."
	}
	shown.Event = bytes.TrimPrefix(value, []byte("\ufeff"))
	return indented(shown.Event)
}

// indented returns JSON with line breaks, safe for a terminal.
func indented(event []byte) string {
	var out bytes.Buffer
	_ = json.Indent(&out, bytes.TrimSpace(event), "", "  ") // it was read as JSON before
	lines := strings.Split(out.String(), "\n")
	for i, line := range lines {
		lines[i] = terminal.Printable(line)
	}
	return strings.Join(lines, "\n")
}

// quoted returns bytes as Go strings, one for each line, safe for a terminal.
func quoted(value []byte) string {
	var lines []string
	for line := range bytes.Lines(value) {
		lines = append(lines, strconv.Quote(string(line)))
	}
	return strings.Join(lines, "\n")
}

func showHistory(out io.Writer, l *deadletter.Letter, s *shownLetter) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, terminal.Printable(value))
		}
	}
	line("letter", position(l))
	line("now", fateWords[s.Now])
	line("advertiser", l.Advertiser)
	line("webhook", l.Webhook)
	line("delivery", l.Delivery)
	line("lead", l.LeadID)
	line("reason", string(l.Reason))
	line("error", l.Error)
	line("status", terminal.Number(l.Status))
	line("answer", l.Answer)
	line("location", l.Location)
	line("record", l.Record)
	line("host", l.Host)
	line("evidence", evidenceWords[l.Evidence])
	line("attempts", strconv.Itoa(l.Attempts))
	line("waits", terminal.Number(l.Step))
	line("replays", terminal.Number(l.Replays))
	line("received", sometime(l.Received))
	line("first deferral", sometime(l.FirstDeferral))
	line("first attempt", sometime(l.FirstAttempt))
	line("last attempt", sometime(l.LastAttempt))
	line("dead since", sometime(l.Buried))
	line("event", strings.TrimSpace(fmt.Sprintf("%d bytes %s", l.Size, s.Source)))
	return table.Flush()
}

var evidenceWords = map[lead.Evidence]string{
	lead.NotSent:       "not_sent: the CRM cannot have the lead",
	lead.MaybeReceived: "maybe_received: the CRM may have the lead, no answer came",
	lead.Answered:      "answered: the CRM has seen the lead",
}

var fateWords = map[lead.Fate]string{
	lead.FateUnknown:   "unknown",
	lead.FateDead:      "dead: not replayed",
	lead.FateUnderWay:  "under_way: replayed, and not ended yet",
	lead.FateDelivered: "delivered",
	lead.FateDeadAgain: "dead_again: replayed, and there is another dead letter of it",
}

func sometime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return cli.Clock(t)
}

// source returns where the event was published, or "" if that is unknown.
func source(m *lead.Message) string {
	if m.Topic == "" {
		return ""
	}
	return fmt.Sprintf("%s/%d/%d", m.Topic, m.Partition, m.Offset)
}
