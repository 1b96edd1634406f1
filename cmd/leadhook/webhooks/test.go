package webhooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/samplelead"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/follow"
)

// testCommand sends a test lead.
type testCommand struct {
	ID          string       `arg:"" name:"id" complete:"webhook" help:"Webhook id."`
	Type        lead.Kind    `enum:"call,chat,form,email," default:"" placeholder:"KIND" help:"Kind of the lead: call, chat, form or email; default is the first that the webhook takes."`
	Trigger     lead.Trigger `enum:"new_contact,existing_contact,new_lead," default:"" placeholder:"TRIGGER" help:"Its trigger: new_contact, or existing_contact (also called new_lead); default is the webhook's."`
	File        string       `placeholder:"FILE" complete:"file" help:"Send the lead of this event instead, marked as a test and with another lead.id; - is standard input."`
	Answer      string       `placeholder:"FILE" complete:"file" help:"Only say what this answer of the CRM would count as, and send nothing: a status line, a header and a body, as curl -i shows them; - is standard input."`
	Print       bool         `help:"Only show what would be sent."`
	ShowSecrets bool         `help:"Show secrets, and all of the URL, instead of ***."`

	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (testCommand) Help() string {
	return `The lead is invented, has a lead.id of its own, and goes out with "webhook-test: true" (in ADF also
TEST LEAD), through the code that delivers leads, to the addresses that leadhook may call, once. An
inactive webhook gets it too. Whatever comes of it, the webhook stays as it is. The answer counts as
the webhook's answers say, if it has any. Exit code 0: the CRM took it; 1: it did not.

Examples:
  leadhook webhooks test 84+TEST_1
  leadhook webhooks test 84+TEST_1 --type form --trigger existing_contact
  leadhook webhooks test 84+TEST_1 --print
  leadhook webhooks test 84+TEST_1 --file examples/events/call.json --output json
  curl -si https://crm.example.com/leads -d @lead.json | leadhook webhooks test 84+TEST_1 --answer -`
}

// Run sends the lead.
func (c testCommand) Run(ctx context.Context, env *cli.Env) error {
	if c.File != "" && (c.Type != "" || c.Trigger != "") {
		return &terminal.UsageError{Err: errors.New("webhooks test: --type and --trigger are for an invented lead: that of --file has its own")}
	}
	if c.Answer != "" && (c.File != "" || c.Type != "" || c.Trigger != "" || c.Print) {
		return &terminal.UsageError{Err: errors.New("webhooks test: --answer sends no lead: --file, --type, --trigger and --print are about one")}
	}
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	opts, err := service.DispatchOptions(&loaded.Config, env.Version)
	if err != nil {
		return &terminal.UsageError{Err: err}
	}
	own, err := c.event(ctx, env, &loaded.Config)
	if err != nil {
		return err
	}
	recorded, err := c.recorded(ctx, env)
	if err != nil {
		return err
	}
	var hook *lead.Webhook
	err = env.WithWebhooks(ctx, func(log *follow.Log) (err error) {
		hook, err = webhook.Catalog{Log: log}.Find(ctx, c.ID)
		return err
	})
	if err != nil {
		return err
	}
	ev, err := c.testLead(own, hook)
	if err != nil {
		return err
	}
	trial, err := dispatch.NewTrial(opts, ev, hook)
	if err != nil {
		return err
	}
	defer trial.Close()
	return c.try(ctx, env, &TrialView{
		hook: hook, reveal: c.ShowSecrets, proxy: opts.Attempt.Proxy != nil, expire: loaded.Config.Retry.Expire,
		Webhook: hook.ID, Advertiser: hook.Advertiser, Notes: notes(ev, hook),
	}, trial, recorded)
}

// recorded reads the answer of --answer. It returns nil without.
func (c testCommand) recorded(ctx context.Context, env *cli.Env) ([]byte, error) {
	if c.Answer == "" {
		return nil, nil
	}
	value, _, err := env.ReadInput(ctx, c.Answer, cli.MaxInput)
	return value, err
}

// event reads the event of --file. It returns nil without --file.
func (c testCommand) event(ctx context.Context, env *cli.Env, cfg *config.Config) (*lead.Event, error) {
	if c.File == "" {
		return nil, nil //nolint:nilnil // none is what was asked for
	}
	value, shown, err := env.ReadInput(ctx, c.File, cli.MaxInput)
	if err != nil {
		return nil, err
	}
	ev, refusal := dispatch.Decode(value, cfg.Kafka.MaxEventBytes)
	if refusal != nil {
		return nil, fmt.Errorf("%s: the event would be refused (%s): %w", shown, refusal.Reason, refusal)
	}
	return ev, nil
}

// testLead returns the lead to send: that of own, or an invented one if own is nil.
func (c testCommand) testLead(own *lead.Event, hook *lead.Webhook) (*lead.Event, error) {
	if own != nil && own.AdvertiserID != hook.Advertiser {
		return nil, fmt.Errorf("the event is of advertiser %q, and the webhook of %q, who must not see it", own.AdvertiserID, hook.Advertiser)
	}
	trigger, _ := lead.ParseTrigger(string(cmp.Or(c.Trigger, hook.Trigger)))
	newEvent, err := samplelead.New(cmp.Or(c.Type, firstKind(hook.LeadTypes)), trigger)
	if err != nil {
		return nil, err
	}
	invented, err := lead.Decode(newEvent(hook.Advertiser))
	if err != nil || own == nil {
		return invented, err
	}
	return own.AsTest(invented.LeadID), nil
}

// firstKind returns a kind of lead in the set.
func firstKind(types lead.LeadTypes) lead.Kind {
	for _, kind := range []lead.Kind{lead.KindCall, lead.KindChat} {
		if types.Has(kind) {
			return kind
		}
	}
	return lead.KindForm
}

// notes returns what matters about the webhook beside the outcome of the test.
func notes(ev *lead.Event, hook *lead.Webhook) []string {
	var notes []string
	switch state(hook) {
	case "inactive", "disabled":
		notes = append(notes, stateInWords(hook)+": real leads are not sent to it")
	}
	if decline := hook.Declines(ev); decline != "" && decline != lead.DeclinesInactive {
		_, why := WhyNot(ev, hook)
		notes = append(notes, "it would not get this lead: "+why)
	}
	return notes
}

// try sends the lead, unless --print or --answer is given, and shows the outcome.
func (c testCommand) try(ctx context.Context, env *cli.Env, v *TrialView, trial *dispatch.Trial, recorded []byte) error {
	if c.Print {
		v.request(trial.Request(time.Now()))
		return c.Show(env.Terminal, v, func(out io.Writer) error { return v.write(env, out) })
	}
	var report *dispatch.TrialReport
	var err error
	if c.Answer != "" {
		report, err = trial.Judge(recorded)
	} else if report, err = trial.Send(ctx); err == nil {
		v.request(report.TrialRequest)
	}
	if err != nil {
		return err
	}
	v.result(report)
	if err := c.Show(env.Terminal, v, func(out io.Writer) error { return v.write(env, out) }); err != nil {
		return err
	}
	if !v.Result.Delivered {
		return terminal.ErrShown
	}
	return nil
}
