package service

import (
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/topics"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// Webhooks returns the log of webhooks that the settings name. The caller must close its
// Topic, before the clients.
func Webhooks(cfg *config.Config, k *Kafka, rdb redis.UniversalClient) *follow.Log {
	return &follow.Log{
		Topic:  topic.New(k.Client, topics.WebhooksName(cfg.Kafka.Topic)),
		Shares: shares.New(rdb, cfg.Redis.Prefix),
		Boxes:  seal.New(cfg.Secrets.Keys, cfg.Secrets.Plain),
	}
}

// healthRecords keeps what the service observes of webhooks: that one is failing in
// Redis, that one was disabled in the topic.
type healthRecords struct {
	*webhook.Cache
	*edit.Editor
}
