package dev

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/listen"
	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
)

// crmCommand runs the sample CRM by itself, or tells a running one how to answer.
type crmCommand struct {
	Listen string `placeholder:"ADDR" help:"host:port of the sample CRM; default is the setting dev.crm_listen."`

	Serve   serveCommand   `cmd:"" default:"withargs" hidden:""`
	Answer  answerCommand  `cmd:"" help:"Tell the running sample CRM how to answer: healthy, failing, slow."`
	Answers answersCommand `cmd:"" help:"Show how the sample CRM answers."`
}

// Help returns what --help shows beside the flags.
func (crmCommand) Help() string {
	return `Takes leads by POST, as JSON or ADF, on any path, and shows each on standard output and on its page,
where one can also choose how it answers.

Examples:
  leadhook dev crm
  leadhook dev crm --listen :8085
  leadhook dev crm answer /json-new-1 401`
}

type serveCommand struct{}

// Run serves until ctx ends.
func (serveCommand) Run(ctx context.Context, env *cli.Env, dev *Command) error {
	if dev.Data != "" {
		return &terminal.UsageError{Err: errors.New("dev crm: --data is for dev itself: the sample CRM keeps nothing")}
	}
	addr, err := dev.CRM.listen(env)
	if err != nil {
		return err
	}
	crm, err := samplecrm.Start(samplecrm.Options{Listen: addr, Out: env.Stdout, Page: true})
	if err != nil {
		return err
	}
	defer crm.Close()
	fmt.Fprintf(env.Stderr, "the sample CRM takes leads at %s, and shows them there in a browser\n", crm.URL())
	<-ctx.Done()
	return nil
}

// listen returns the address of the sample CRM.
func (c crmCommand) listen(env *cli.Env) (string, error) {
	loaded, err := env.Settings()
	if err != nil {
		return "", err
	}
	listen := cmp.Or(c.Listen, loaded.Config.Dev.CRMListen)
	if _, err := net.ResolveTCPAddr("tcp", listen); err != nil {
		return "", &terminal.UsageError{Err: fmt.Errorf("dev crm: --listen wants host:port, such as 127.0.0.1:8085 or :8085: %w", err)}
	}
	return listen, nil
}

type answerCommand struct {
	Webhook string   `arg:"" help:"The webhook's path at the sample CRM, such as /json-new-1, or its whole URL."`
	Answer  []string `arg:"" complete:"healthy,401,410,429,500,503,slow,hang,apps-script,close-silently,cloudflare,follow-up-boss,hubspot-locked,iis,leadbyte,php-warning,soap-fault,zoho" help:"healthy; a status such as 401; 429 or 503 with a time for Retry-After; slow with a time; hang; or a real system such as zoho."`
}

// Help returns what --help shows beside the flags.
func (answerCommand) Help() string {
	return `The sample CRM of "leadhook dev" or "leadhook dev crm" gives this answer to every lead of that webhook,
until it is told otherwise or stops. healthy is the default: 204, or 400 to what is not a lead. 429
without a time means 429 30s, and slow without a time means slow 5s. hang never answers. As real systems do
answer apps-script, hubspot-locked, zoho, soap-fault (or soap-fault 200), leadbyte, follow-up-boss, cloudflare,
iis, php-warning and close-silently.

Examples:
  leadhook dev crm answer /json-new-1 500
  leadhook dev crm answer /json-new-1 429 2m
  leadhook dev crm answer /json-new-1 slow 10s
  leadhook dev crm answer /json-new-1 zoho
  leadhook dev crm answer /json-new-1 healthy
  leadhook dev crm answer http://127.0.0.1:18085/mine hang`
}

// Run tells the CRM.
func (c answerCommand) Run(ctx context.Context, env *cli.Env, dev *Command) error {
	order, err := samplecrm.ParseAnswerMode(strings.Join(c.Answer, " "))
	if err != nil {
		return &terminal.UsageError{Err: fmt.Errorf("dev crm answer: %w", err)}
	}
	base, path, err := c.where(env, dev.CRM)
	if err != nil {
		return err
	}
	var now samplecrm.PathAnswer
	if err := askCRM(ctx, http.MethodPut, base, samplecrm.AnswersPath+path, order.String(), &now); err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s answers: %s\n", now.Path, now.Answer)
	return nil
}

type answersCommand struct {
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (answersCommand) Help() string {
	return `Shows the paths that got leads or were given an answer, and what they answer.

Examples:
  leadhook dev crm answers
  leadhook dev crm answers --output json`
}

// Run asks the CRM.
func (c answersCommand) Run(ctx context.Context, env *cli.Env, dev *Command) error {
	addr, err := dev.CRM.listen(env)
	if err != nil {
		return err
	}
	var answers []samplecrm.PathAnswer
	if err := askCRM(ctx, http.MethodGet, "http://"+listen.Advertised(addr), samplecrm.AnswersPath, "", &answers); err != nil {
		return err
	}
	if len(answers) == 0 && c.Table() {
		fmt.Fprintln(env.Stderr, "no lead has arrived yet")
	}
	list := c.List(env.Terminal, "PATH", "ANSWER")
	for _, a := range answers {
		if err := list.Add(a, a.Path, a.Answer); err != nil {
			return err
		}
	}
	return list.End()
}

// where returns the URL of the CRM and the path of the webhook there.
func (c answerCommand) where(env *cli.Env, crm crmCommand) (base, path string, err error) {
	if strings.Contains(c.Webhook, "://") {
		u, err := url.Parse(c.Webhook)
		if err != nil || u.Host == "" {
			return "", "", &terminal.UsageError{Err: errors.New("dev crm answer: the webhook must be a path, such as /json-new-1, or a URL")}
		}
		return u.Scheme + "://" + u.Host, cmp.Or(u.EscapedPath(), "/"), nil
	}
	addr, err := crm.listen(env)
	if err != nil {
		return "", "", err
	}
	path, _, _ = strings.Cut(c.Webhook, "?")
	return "http://" + listen.Advertised(addr), "/" + strings.TrimPrefix(path, "/"), nil
}

// askCRM makes a request to a sample CRM and decodes its JSON answer into into.
func askCRM(ctx context.Context, method, base, path, body string, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, service.Patience, fmt.Errorf("no answer within %v", service.Patience))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
	if err != nil {
		return &terminal.UsageError{Err: fmt.Errorf("dev crm: %w", err)}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("no sample CRM at %s: %w; start one with leadhook dev crm, or say where it is with --listen or a whole URL", base, whyEnded(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return fmt.Errorf("the sample CRM at %s: %w", base, whyEnded(ctx, err))
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the sample CRM at %s refused: %d %s", base, resp.StatusCode, terminal.Printable(strings.TrimSpace(string(text))))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("what answers at %s is not a sample CRM: %w", base, err)
	}
	return nil
}

// whyEnded returns why ctx ended, if it has, and err otherwise.
func whyEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
