package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/topics"
	"github.com/leadhook/leadhook/webhook/recovery"
)

// recoverCommand publishes webhooks again that their topic lost.
type recoverCommand struct {
	File  string `default:"leadhook-webhooks.recovery" type:"path" placeholder:"FILE" help:"Where what was found is kept until it is published."`
	Force bool   `help:"Make the topic anew although nothing in it is lost."`
	Lose  bool   `name:"lose-unreadable" help:"Go on although some webhooks do not open. No key will open them any longer."`

	terminal.YesFlag
}

// Help returns what --help shows beside the flags.
func (recoverCommand) Help() string {
	return `For a topic of webhooks that was deleted, made anew, truncated or restored: services then say so, are not
ready, and all leads wait. It reads what the topic and Redis still have, keeps it in a file, sealed as it is,
makes the topic anew, and publishes everything again, of each advertiser the newest. Services go on by
themselves. If it does not end, run it again, with the same file.

It needs all keys that something is sealed with: what does not open could not be opened afterwards either, with
no key, so it refuses then.

A change that neither the topic nor Redis still has is lost: seed it again.

Examples:
  leadhook webhooks recover`
}

// Run recovers them.
func (c recoverCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		rdb, err := cli.OpenRedis(ctx, cfg, k)
		if err != nil {
			return err
		}
		defer func() { _ = rdb.Close() }()
		self, err := k.ServiceName(ctx, cfg.Kafka.Topic)
		if err != nil {
			return err
		}
		specs := service.TopicSpecs(cfg)
		spec := specs[slices.IndexFunc(specs, topics.Spec.OfWebhooks)]
		// A topic that is missing has to be there, to be read as an empty one.
		if _, err := topics.Create(ctx, k.Client, specs); err != nil {
			return err
		}
		log := service.Webhooks(cfg, k, rdb)
		defer func() { _ = log.Topic.Close() }()
		found := 0
		r := &recovery.Recovery{
			Log: log, File: c.File, Of: self, Force: c.Force, LoseUnreadable: c.Lose,
			Anew: func(ctx context.Context) error { return topics.Renew(ctx, k.Client, spec) },
			Confirm: func(advertisers int) error {
				found = advertisers
				return c.Confirm(ctx, env.Terminal, fmt.Sprintf("Delete the topic %s, make it anew, and publish the webhooks of %s that were found?",
					spec.Name, terminal.Counted(advertisers, "advertiser")))
			},
		}
		if err := r.Run(ctx); errors.Is(err, recovery.ErrWhole) {
			fmt.Fprintf(env.Stderr, "%v; --force makes it anew nonetheless\n", err)
			return nil
		} else if errors.Is(err, recovery.ErrUnreadable) {
			return fmt.Errorf("%w; give all keys in secrets.keys, or go on with --lose-unreadable", err)
		} else if err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.Stdout, "recovered the webhooks of %s; what was found is in %s.done\n", terminal.Counted(found, "advertiser"), c.File)
		return err
	})
}
