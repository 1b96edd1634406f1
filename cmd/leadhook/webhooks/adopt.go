package webhooks

import (
	"context"
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook/adopt"
)

// adoptCommand takes over the webhooks of the layout of before.
type adoptCommand struct {
	cli.ActorFlag
}

// Help returns what --help shows beside the flags.
func (adoptCommand) Help() string {
	return `Webhooks were kept in Redis alone once. This command publishes them to their topic,
with the ids that were ever given and with what the service had disabled. Stop the old services first: they
do not see later changes. Webhooks that are in the topic already stay as they are there, and those that
"webhooks history" shows as removed stay away, so that it may be repeated. Those that would be refused today
are taken over as damaged: their leads become dead letters until they are seeded again. What Redis has in the
old layout stays there, and is no longer used.

Examples:
  leadhook webhooks adopt`
}

// Run takes them over.
func (c adoptCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		rdb, err := cli.OpenRedis(ctx, cfg, k)
		if err != nil {
			return err
		}
		defer func() { _ = rdb.Close() }()
		found, err := adopt.Read(ctx, rdb, cfg.Redis.Prefix)
		if err != nil {
			return fmt.Errorf("reading the webhooks of the old layout: %w", err)
		}
		log := service.Webhooks(cfg, k, rdb)
		defer func() { _ = log.Topic.Close() }()
		added, err := c.Editor(env, log, "leadhook webhooks adopt").Adopt(ctx, found.Owners, found.Lists)
		if err != nil {
			return err
		}
		damaged := 0
		for advertiser, list := range found.Lists {
			for _, h := range list.Webhooks {
				if h.Damaged != "" {
					damaged++
					fmt.Fprintf(env.Stderr, "warning: webhook %q of %s: %s\n", h.ID, terminal.Printable(advertiser), h.Damaged)
				}
			}
		}
		_, err = fmt.Fprintf(env.Stdout, "took over %s, %d damaged\n", terminal.Counted(added, "webhook"), damaged)
		return err
	})
}
