package cli

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook"
)

// OpenRedis connects to Redis and makes sure that it answers. The caller closes the
// client.
func OpenRedis(ctx context.Context, cfg config.Redis) (redis.UniversalClient, error) {
	rdb, err := service.ConnectRedis(cfg)
	if err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	if err := service.ReachRedis(ctx, rdb, cfg); err != nil {
		_ = rdb.Close()
		return nil, err
	}
	return rdb, nil
}

// WithStore makes sure that the Redis of the settings answers, and calls do with
// the webhooks in it.
func (env *Env) WithStore(ctx context.Context, do func(*webhook.Store) error) error {
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	rdb, err := OpenRedis(ctx, loaded.Config.Redis)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	return do(webhook.NewStore(rdb, loaded.Config.Redis.Prefix))
}

// WithKafka makes sure that the Kafka of the settings answers, and calls do.
func (env *Env) WithKafka(ctx context.Context, do func(*config.Config, *service.Kafka) error) error {
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	k, err := service.ConnectKafka(loaded.Config.Kafka)
	if err != nil {
		return &terminal.UsageError{Err: err}
	}
	defer k.Close()
	if err := k.Reach(ctx, loaded.Config.Kafka); err != nil {
		return err
	}
	return do(&loaded.Config, k)
}
