// Package dev is `leadhook dev`: the service with an embedded Kafka and Redis, a
// sample CRM and sample leads around it, and the sample CRM by itself.
package dev

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/topics"
	"github.com/leadhook/leadhook/webhook"
)

// Command is leadhook with all that it needs around it.
type Command struct {
	Data string `placeholder:"DIR" complete:"file" help:"Keep Kafka's data there; default in memory, gone at the end (setting dev.data)."`

	All allCommand `cmd:"" default:"withargs" hidden:""`
	CRM crmCommand `cmd:"" name:"crm" help:"Only the sample CRM, which shows the leads that it gets; or tell it how to answer."`
}

type allCommand struct{}

// Help is what --help says beyond the flags.
func (Command) Help() string {
	return `Starts, in one process, an embedded Kafka (127.0.0.1:9092), an embedded Redis (127.0.0.1:6379), a
sample CRM (127.0.0.1:8085) and the service, with sample webhooks for two advertisers, and publishes a
few sample leads. The addresses are the settings dev.kafka_listen, dev.redis_listen, dev.crm_listen and
admin.listen. The other commands work against it from a second terminal. Ctrl-C ends it.

Examples:
  leadhook dev
  leadhook dev --data ./data
  LEADHOOK_DEV_KAFKA_LISTEN=127.0.0.1:19092 leadhook dev
  leadhook dev crm --listen :8085
  leadhook dev crm answer /json-new-1 401`
}

// Run starts everything and serves until ctx ends.
func (allCommand) Run(ctx context.Context, env *cli.Env, dev *Command) error {
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	cfg := &loaded.Config
	cfg.Dev.Data = cmp.Or(dev.Data, cfg.Dev.Data)
	if cfg.Log.Level == "info" {
		cfg.Log.Level = "warn" // its own lines would hide the leads
	}
	cfg.Log.Format = "console"
	log, err := service.NewLog(cfg.Log, env.Stderr)
	if err != nil {
		return err
	}
	elsewhere := addresses{kafka: loaded.Config.Kafka.Brokers, redis: loaded.Config.Redis.Addrs}
	stack, err := startStack(cfg, env)
	if err != nil {
		return err
	}
	defer stack.close()
	s, err := service.New(cfg, log, env.Version)
	if err != nil {
		return &terminal.UsageError{Err: err}
	}
	if _, err := topics.Create(ctx, s.Kafka.Client, service.TopicSpecs(cfg)); err != nil {
		return err
	}
	if _, err := s.Store.Seed(ctx, sampleWebhooks(stack.crm.URL()), webhook.SeedOptions{}); err != nil {
		return fmt.Errorf("seed the sample webhooks: %w", err)
	}

	told := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var guide sync.WaitGroup
	guide.Go(func() {
		<-ctx.Done()
		if told.Err() != nil { // its own log would say so, but is not shown
			fmt.Fprintf(env.Stdout, "\nending: a lead that is being POSTed has up to %v; Ctrl-C again ends it at once.\n", cfg.HTTP.Timeout)
		}
	})
	guide.Go(func() {
		err := stack.guide(ctx, env, s.Publisher, cfg)
		switch {
		case ctx.Err() != nil: // it ends, and why is said elsewhere
		case err != nil:
			log.Error("publishing sample leads", zap.Error(err))
		default:
			stack.hints(env, elsewhere)
		}
	})
	err = s.Run(ctx)
	stop()
	guide.Wait()
	fmt.Fprintln(env.Stdout, "\nended.")
	return err
}
