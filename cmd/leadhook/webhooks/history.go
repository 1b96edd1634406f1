package webhooks

import (
	"context"
	"fmt"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
)

// historyCommand shows the last changes of an advertiser's webhooks.
type historyCommand struct {
	Name string `arg:"" name:"advertiser|id" complete:"advertiser,webhook" help:"Id of an advertiser, or of a webhook, also of one that was removed."`

	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (historyCommand) Help() string {
	return `Shows the last twenty changes of an advertiser's webhooks, the newest first: when, who (--actor, or the
user and host), with which command, which webhooks, and each field before and after, secrets only as
"changed". Of a webhook, it shows those of the twenty that changed it. "leadhook run" is the service, which
disables a webhook whose CRM no longer wants it.

Examples:
  leadhook webhooks history USA_332240
  leadhook webhooks history 84+TEST_1 --output json`
}

// A changeView is a change for programs.
type changeView struct {
	Change     string    `json:"change"`
	At         time.Time `json:"at"`
	By         string    `json:"by,omitempty"`
	With       string    `json:"with,omitempty"`
	Advertiser string    `json:"advertiser"`
	Webhooks   []Row     `json:"webhooks,omitempty"` // missing if they were too many to be kept
}

// Run shows them.
func (c historyCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		advertiser, changes, err := webhook.Catalog{Log: log}.History(ctx, c.Name)
		if err != nil {
			return err
		}
		if advertiser == "" {
			return fmt.Errorf("there is no webhook %q, and no advertiser of that name has or had webhooks", c.Name)
		}
		out := c.List(env.Terminal)
		for i := range changes {
			if err := c.add(out, advertiser, &changes[i]); err != nil {
				return err
			}
		}
		if len(changes) == 0 {
			fmt.Fprintf(env.Stderr, "none of the last %d changes of %s was about this webhook\n", entry.MaxHistory, terminal.Printable(advertiser))
		}
		return out.End()
	})
}

func (c historyCommand) add(out *terminal.List, advertiser string, change *entry.Change) error {
	view := changeView{
		Change: change.ID, At: change.At.UTC().Truncate(time.Second), By: change.By, With: change.With, Advertiser: advertiser,
	}
	for _, w := range change.Webhooks {
		view.Webhooks = append(view.Webhooks, NewRow(advertiser, w))
	}
	if !c.Table() {
		return out.Add(view)
	}
	for _, line := range view.lines() {
		if err := out.Add(nil, line); err != nil {
			return err
		}
	}
	return nil
}

// lines returns the change for people.
func (v *changeView) lines() []string {
	lines := []string{fmt.Sprintf("%s by %s with %s", v.At.Format(time.RFC3339), terminal.Dash(v.By), terminal.Dash(v.With))}
	for _, row := range v.Webhooks {
		lines = append(lines, "  "+row.Line())
		for _, line := range row.FieldLines() {
			lines = append(lines, "  "+line)
		}
	}
	if len(v.Webhooks) == 0 {
		lines = append(lines, "  which webhooks it changed was too much to be kept")
	}
	return lines
}
