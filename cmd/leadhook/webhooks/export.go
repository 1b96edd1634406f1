package webhooks

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// exportCommand writes a seed file.
type exportCommand struct {
	filter

	ShowSecrets bool `help:"Show secrets on a terminal too."`
}

// Help returns what --help shows beside the flags.
func (exportCommand) Help() string {
	return `The seed file has every field as it is stored, secrets in the clear: keep it like a password. Seeded again
it gives the same webhooks. The health that the service recorded is not in it. An export that
fails half way, with exit code 1, is incomplete: do not seed it with --prune.

Examples:
  (umask 077; leadhook webhooks export > webhooks.yaml)
  leadhook webhooks export --advertiser USA_332240 > prairie.yaml
  leadhook webhooks export --config old.yaml | leadhook seed - --config new.yaml`
}

// Run writes the seed file.
func (c exportCommand) Run(ctx context.Context, env *cli.Env) error {
	if terminal.IsTerminal(env.Stdout) && !c.ShowSecrets {
		return &terminal.UsageError{Err: errors.New("webhooks export: the seed file holds every secret in the clear: " +
			"send it to a file (> webhooks.yaml), or let --show-secrets show it")}
	}
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		out := bufio.NewWriter(env.Stdout)
		text := seedfile.Head
		var damaged []error
		for h, err := range c.each(ctx, webhook.Catalog{Log: log}, "") {
			if err != nil {
				return errors.Join(fmt.Errorf("the export is not complete: %w", err), out.Flush())
			}
			if h.ID == "" {
				damaged = append(damaged, fmt.Errorf("not exported: advertiser %q: %s", h.Advertiser, h.Damaged))
				continue
			}
			item, err := seedfile.Text(h)
			if err != nil {
				damaged = append(damaged, fmt.Errorf("not exported: %w", err))
				continue
			}
			if _, err := out.WriteString(text + item); err != nil {
				return err
			}
			text = ""
		}
		if text != "" {
			fmt.Fprint(out, seedfile.Empty)
		}
		return errors.Join(out.Flush(), errors.Join(damaged...))
	})
}
