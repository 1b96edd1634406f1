package webhooks

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/follow"
)

// showCommand shows single webhooks.
type showCommand struct {
	IDs         []string `arg:"" name:"id" complete:"webhook" help:"Webhook ids."`
	ShowSecrets bool     `help:"Show secrets, and all of URLs, instead of ***."`

	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (showCommand) Help() string {
	return `Shows every field that is set, whether leads are sent to the webhook, and if not, why not.

Examples:
  leadhook webhooks show 84+TEST_1
  leadhook webhooks show prairie-new harbor-new --output yaml
  leadhook webhooks show harbor-new --show-secrets`
}

// Run shows them.
func (c showCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		catalog := webhook.Catalog{Log: log}
		var missing []error
		for i, id := range c.IDs {
			h, err := catalog.Find(ctx, id)
			if errors.Is(err, webhook.ErrNoWebhook) {
				missing = append(missing, err)
				continue
			}
			if err != nil {
				return err
			}
			if i > 0 && c.Table() {
				fmt.Fprintln(env.Stdout)
			}
			err = c.Show(env.Terminal, viewOf(h, c.ShowSecrets), func(out io.Writer) error {
				return writeWebhook(out, h, c.ShowSecrets)
			})
			if err != nil {
				return err
			}
		}
		return errors.Join(missing...)
	})
}
