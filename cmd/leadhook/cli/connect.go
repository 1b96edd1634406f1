package cli

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/rediswatch"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/topics"
	"github.com/leadhook/leadhook/webhook/follow"
)

// OpenRedis connects to Redis and makes sure that it answers, and that its keys are not
// another service's: otherwise the error is [rediswatch.ErrForeign]. The caller closes the
// client.
func OpenRedis(ctx context.Context, cfg *config.Config, k *service.Kafka) (redis.UniversalClient, error) {
	rdb, err := service.ConnectRedis(cfg.Redis)
	if err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	if err = service.ReachRedis(ctx, rdb, cfg.Redis); err == nil {
		err = checkOwner(ctx, cfg, k, rdb)
	}
	if err != nil {
		_ = rdb.Close()
		return nil, err
	}
	return rdb, nil
}

func checkOwner(ctx context.Context, cfg *config.Config, k *service.Kafka, rdb redis.UniversalClient) error {
	ctx, cancel := context.WithTimeoutCause(ctx, service.Patience, fmt.Errorf("no answer within %v", service.Patience))
	defer cancel()
	self, err := k.ServiceName(ctx, cfg.Kafka.Topic)
	if err != nil {
		return err
	}
	return rediswatch.Check(ctx, rdb, cfg.Redis.Prefix, self)
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

// WithWebhooks makes sure that the Kafka of the settings answers and has the topic of
// webhooks, and calls do with it. A Redis that is away is warned of: then the webhooks
// come from Kafka alone. One with another service's keys is refused.
func (env *Env) WithWebhooks(ctx context.Context, do func(*follow.Log) error) error {
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		if err := k.HasTopic(ctx, topics.WebhooksName(cfg.Kafka.Topic)); err != nil {
			return err
		}
		rdb, err := OpenRedis(ctx, cfg, k)
		_, wrong := errors.AsType[*terminal.UsageError](err)
		if wrong || errors.Is(err, rediswatch.ErrForeign) || err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			fmt.Fprintf(env.Stderr, "warning: %v\nwarning: without Redis all webhooks are read from Kafka, which takes longer\n", err)
			rdb = awayRedis()
		}
		defer func() { _ = rdb.Close() }()
		webhooks := service.Webhooks(cfg, k, rdb)
		defer func() { _ = webhooks.Topic.Close() }()
		return do(webhooks)
	})
}

// awayRedis returns a client that fails at once: each question to a Redis that was found
// away would wait for it again.
func awayRedis() redis.UniversalClient {
	away := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("Redis is away") }
	return redis.NewClient(&redis.Options{Dialer: away, DialerRetries: 1, MaxRetries: -1})
}
