package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/rediswatch"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

// ConnectRedis returns a client for the mode in the settings, which connects when it is
// used, and which the caller must close. An error means that the settings are wrong.
func ConnectRedis(cfg config.Redis) (redis.UniversalClient, error) {
	encryption, err := cfg.TLS.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("redis.tls: %w", err)
	}
	logging.Disable() // it writes to standard error, past the log; errors say the same
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:                 cfg.Addrs,
		DB:                    cfg.DB,
		Username:              cfg.Username,
		Password:              cfg.Password.Reveal(),
		SentinelUsername:      cfg.SentinelUsername,
		SentinelPassword:      cfg.SentinelPassword.Reveal(),
		MasterName:            cfg.SentinelMaster,
		IsClusterMode:         cfg.Mode == config.RedisCluster,
		TLSConfig:             encryption,
		ClientName:            "leadhook",
		DialTimeout:           cfg.Timeout,
		ReadTimeout:           cfg.Timeout,
		WriteTimeout:          cfg.Timeout,
		PoolSize:              cfg.PoolSize,
		ContextTimeoutEnabled: true,
	}), nil
}

// ReachRedis returns nil if Redis answers within [Patience]. The error says which
// addresses were tried and what to check.
func ReachRedis(ctx context.Context, rdb redis.UniversalClient, cfg config.Redis) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("no answer within %v", Patience))
	defer cancel()
	if err := rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("cannot talk to Redis at %s (redis.url): %w; is it running, and are redis.mode, the"+
			" password, and redis:// or rediss:// (with TLS) what it expects?", strings.Join(cfg.Addrs, ", "), cause(ctx, err))
	}
	return nil
}

// redisName returns what a Redis is called that is not a Cluster.
func redisName(cfg config.Redis) string {
	if cfg.Mode == config.RedisSentinel {
		return cfg.SentinelMaster
	}
	return cfg.Addrs[0]
}

// heldWebhooks are the webhooks of the service, which nobody gets while leads must
// wait for Redis.
type heldWebhooks struct {
	watch *rediswatch.Watch
	cache *webhook.Cache
}

// For is [webhook.Cache.For], as soon as leads need not wait.
func (h heldWebhooks) For(ctx context.Context, advertiser string, since time.Time) ([]*lead.Webhook, error) {
	if err := h.watch.Await(ctx); err != nil {
		return nil, err
	}
	return h.cache.For(ctx, advertiser, since)
}
