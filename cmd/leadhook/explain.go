package main

import (
	"context"
	"fmt"
	"io"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/follow"
)

// explainCommand shows what would become of a lead event.
type explainCommand struct {
	File string `arg:"" name:"event.json" complete:"file" help:"File with one lead event, as it is in Kafka; - is standard input."`

	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (explainCommand) Help() string {
	return `The event is read, and matched with the webhooks as they are now, by the code that delivers leads;
nothing is sent. Exit code 0: the event can be read, whether or not a webhook wants it; 1: it
would become a dead letter.

Examples:
  leadhook explain examples/events/call.json
  kcat -b 127.0.0.1:9092 -C -t leads -o -1 -c 1 -e | leadhook explain -
  leadhook explain examples/events/call.json --output json | jq -r '.webhooks[] | select(.wants) | .webhook'`
}

// Run shows it.
func (c explainCommand) Run(ctx context.Context, env *cli.Env) error {
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	value, _, err := env.ReadInput(ctx, c.File, cli.MaxInput)
	if err != nil {
		return err
	}
	ev, refusal := dispatch.Decode(value, loaded.Config.Kafka.MaxEventBytes)
	if refusal != nil {
		found := explanation{Refused: &refusedJSON{string(refusal.Reason), refusal.Text}}
		if err := c.Show(env.Terminal, found, func(io.Writer) error { return found.write(env) }); err != nil {
			return err
		}
		return terminal.ErrShown
	}
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		hooks, err := webhook.Catalog{Log: log}.Webhooks(ctx, ev.AdvertiserID)
		if err != nil {
			return err
		}
		found := explain(ev, hooks)
		return c.Show(env.Terminal, found, func(io.Writer) error { return found.write(env) })
	})
}

// An explanation is what would become of an event, for programs.
type explanation struct {
	Refused  *refusedJSON  `json:"refused,omitempty"` // if set, everything else is empty
	Event    *eventJSON    `json:"event,omitempty"`
	Webhooks []wantingJSON `json:"webhooks"`
}

type refusedJSON struct {
	Reason string `json:"reason"` // of the dead letter
	Text   string `json:"text"`
}

type eventJSON struct {
	Advertiser string       `json:"advertiser"`
	LeadID     string       `json:"lead_id"`
	Kind       lead.Kind    `json:"kind"`
	Trigger    lead.Trigger `json:"trigger"`
	Test       bool         `json:"test"`
}

type wantingJSON struct {
	Webhook  string `json:"webhook"`
	Wants    bool   `json:"wants"`
	Delivery string `json:"delivery,omitempty"` // the webhook-id that its CRM would see
	Reason   string `json:"reason,omitempty"`   // why it does not get the lead
	Text     string `json:"text,omitempty"`     // the same in plain words

	Answers *lead.Answers `json:"answers,omitempty"` // what its CRM means by its answers
}

func explain(ev *lead.Event, hooks []*lead.Webhook) explanation {
	found := explanation{
		Event:    &eventJSON{ev.AdvertiserID, ev.LeadID, ev.Kind, ev.Trigger, ev.Test},
		Webhooks: make([]wantingJSON, len(hooks)),
	}
	for i, hook := range hooks {
		row := wantingJSON{Webhook: hook.ID}
		if row.Reason, row.Text = webhooks.WhyNot(ev, hook); row.Reason == "" {
			row.Wants, row.Delivery, row.Answers = true, lead.DeliveryID(ev, hook.ID), hook.Answers
		}
		found.Webhooks[i] = row
	}
	return found
}

// write writes the explanation for people.
func (e explanation) write(env *cli.Env) error {
	if e.Refused != nil {
		_, err := fmt.Fprintf(env.Stdout, "The event would be refused, and become a dead letter (%s): %s\n", e.Refused.Reason, e.Refused.Text)
		return err
	}
	test := ""
	if e.Event.Test {
		test = ", a test lead"
	}
	fmt.Fprintf(env.Stdout, "Lead %s of advertiser %s: %s, %s%s\n", e.Event.LeadID, terminal.Printable(e.Event.Advertiser), e.Event.Kind, e.Event.Trigger, test)
	if len(e.Webhooks) == 0 {
		_, err := fmt.Fprintln(env.Stdout, "The advertiser has no webhooks: the lead is not sent to any CRM.")
		return err
	}
	fmt.Fprintln(env.Stdout)
	l := terminal.OutputFlag{Output: "wide"}.List(env.Terminal, "WEBHOOK", "WANTS IT", "WHY NOT")
	for _, row := range e.Webhooks {
		wants := "no"
		if row.Wants {
			wants = "yes"
		}
		if err := l.Add(row, terminal.Dash(row.Webhook), wants, terminal.Dash(row.Text)); err != nil {
			return err
		}
	}
	return l.End()
}
