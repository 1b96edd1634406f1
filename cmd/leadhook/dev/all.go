//go:build !nodev

package dev

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/topics"
	"github.com/leadhook/leadhook/webhook/edit"
)

const help = `Starts, in one process, an embedded Kafka (127.0.0.1:9092), an embedded Redis (127.0.0.1:6379), a
sample CRM (127.0.0.1:8085) and the service, with sample webhooks for two advertisers, and publishes a
few sample leads. The addresses are the settings dev.kafka_listen, dev.redis_listen, dev.crm_listen and
admin.listen. The other commands work against it from a second terminal. Ctrl-C ends it.

Examples:
  leadhook dev
  leadhook dev --data ./data
  LEADHOOK_DEV_KAFKA_LISTEN=127.0.0.1:19092 leadhook dev
  leadhook dev crm --listen :8085
  leadhook dev crm answer /json-new-1 401`

// Run starts everything and serves until ctx ends.
func (allCommand) Run(ctx context.Context, env *cli.Env, dev *Command) error {
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	cfg := &loaded.Config
	cfg.Dev.Data = cmp.Or(dev.Data, cfg.Dev.Data)
	if cfg.Log.Level == "info" {
		cfg.Log.Level = "warn" // more lines would hide the leads
	}
	cfg.Log.Format = "console"
	log, err := service.NewLog(cfg.Log, env.Stderr)
	if err != nil {
		return err
	}
	elsewhere := addresses{kafka: cfg.Kafka.Brokers, redis: cfg.Redis.Addrs}
	stack, err := startStack(cfg, env)
	if err != nil {
		return err
	}
	defer stack.close()
	s, err := service.New(cfg, log, env.Version)
	if err != nil {
		return &terminal.UsageError{Err: err}
	}
	if err := stack.prepare(ctx, env, s, cfg); err != nil {
		return err
	}

	telling, stop := context.WithCancel(ctx)
	defer stop()
	var guide sync.WaitGroup
	guide.Go(func() {
		<-telling.Done()
		if ctx.Err() != nil { // the service logs the same at a level that is not shown
			fmt.Fprintf(env.Stdout, "\nending: a lead that is being POSTed has up to %v; Ctrl-C again ends it at once.\n", cfg.HTTP.Timeout)
		}
	})
	guide.Go(func() {
		err := stack.guide(telling, env, s.Publisher, cfg)
		switch {
		case telling.Err() != nil: // it is stopping, and the reason is shown elsewhere
		case err != nil:
			log.Error("cannot publish the sample leads", zap.Error(err))
		default:
			stack.hints(env, elsewhere)
		}
	})
	err = s.Run(telling)
	stop()
	guide.Wait()
	fmt.Fprintln(env.Stdout, "\nended.")
	return err
}

// prepare creates the topics and seeds the sample webhooks.
func (s *stack) prepare(ctx context.Context, env *cli.Env, with *service.Service, cfg *config.Config) error {
	if _, err := topics.Create(ctx, with.Kafka.Client, service.TopicSpecs(cfg)); err != nil {
		return err
	}
	editor := cli.ActorFlag{}.Editor(env, with.Webhooks, "leadhook dev")
	if _, err := editor.Seed(ctx, sampleWebhooks(s.crm.URL()), edit.SeedOptions{}); err != nil {
		return fmt.Errorf("seed the sample webhooks: %w", err)
	}
	return nil
}
