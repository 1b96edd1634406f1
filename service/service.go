package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/consumer"
	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/internal/admin"
	"github.com/leadhook/leadhook/internal/clock"
	"github.com/leadhook/leadhook/internal/rediswatch"
	"github.com/leadhook/leadhook/ledger"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/producer/retryqueue"
	"github.com/leadhook/leadhook/topics"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/follow"
)

// A Service is everything that `leadhook run` is made of.
type Service struct {
	// Kafka, Webhooks and Publisher are for a caller that prepares topics and
	// webhooks before Run, or publishes leads meanwhile.
	Kafka     *Kafka
	Webhooks  *follow.Log
	Publisher *producer.Publisher

	cfg        *config.Config
	log        *zap.Logger
	redis      redis.UniversalClient
	consumer   *consumer.Consumer
	dispatcher *dispatch.Dispatcher
	webhooks   *webhook.Cache
	redisWatch *rediswatch.Watch
	ledger     *ledger.Ledger
	admin      *admin.Server
	startup    startup
}

// New builds a Service, which does nothing until Run is called. version is shown in the
// metrics and in the User-Agent. An error means that the settings are wrong.
func New(cfg *config.Config, log *zap.Logger, version string) (*Service, error) {
	s := &Service{cfg: cfg, log: log}
	var err error
	if s.Kafka, err = ConnectKafka(cfg.Kafka); err != nil {
		return nil, err
	}
	if s.redis, err = ConnectRedis(cfg.Redis); err != nil {
		return nil, err
	}
	posting, err := DispatchOptions(cfg, version)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	ownClock := clock.New(registry, log)
	posting.ClockBelieved = ownClock.Believed
	s.redisWatch = rediswatch.New(s.redis, rediswatch.Options{
		Prefix: cfg.Redis.Prefix, Node: redisName(cfg.Redis),
		Owner:   func(ctx context.Context) (string, error) { return s.Kafka.ServiceName(ctx, cfg.Kafka.Topic) },
		Compare: func(theirs, asked, answered time.Time) { ownClock.Compare("Redis", theirs, asked, answered) },
	}, registry, log)
	s.Webhooks = Webhooks(cfg, s.Kafka, s.redis)
	s.webhooks = webhook.NewCache(s.Webhooks, webhook.Options{
		MaxBytes: int64(cfg.Redis.CacheBytes), OpenEvents: cfg.Consumer.OpenEvents,
		Changed: func(advertiser string) { s.dispatcher.WebhooksChanged(advertiser) }, // not before Run
	}, registry, log)
	s.ledger = ledger.New(s.redis, ledger.Options{
		Prefix: cfg.Redis.Prefix, MaxPending: cfg.Redis.LedgerPending, Retention: cfg.Ledger.Retention,
		ClaimFor: posting.ClaimFor(),
	}, registry, log)
	publishing := publisherOptions(cfg, s.Kafka)
	publishing.Compare = func(theirs, asked, answered time.Time) { ownClock.Compare("Kafka", theirs, asked, answered) }
	s.Publisher = producer.NewPublisher(publishing, registry, log)
	retryQueue := retryqueue.New(s.Publisher, cfg.Kafka.Topic, cfg.Retry.Delays, registry)
	s.dispatcher = dispatch.New(posting, dispatch.Parts{
		Webhooks:      heldWebhooks{s.redisWatch, s.webhooks},
		HealthRecords: healthRecords{s.webhooks, &edit.Editor{Log: s.Webhooks, By: "leadhook", With: "leadhook run"}},
		Ledger:        s.ledger,
		RetryQueue:    retryQueue,
		DeadLetters:   producer.NewDeadLetters(s.Publisher, topics.DeadLetterName(cfg.Kafka.Topic)),
	}, registry, log)
	reading := consumerOptions(cfg, s.Kafka)
	reading.Waiting, reading.Due, reading.Full, reading.BeforeLastCommit = s.retryTopics, retryQueue.Due, s.Publisher.Full, s.ledger.Flush
	reading.Watermarks = ledger.NewWatermarks(s.redis, cfg.Redis.Prefix)
	s.consumer = consumer.New(reading, s.dispatcher, registry, log)
	s.admin = admin.New(admin.Options{Listen: cfg.Admin.Listen, PProf: cfg.Admin.PProf, Version: version},
		[]admin.Check{
			{Name: "start", Ready: s.startup.ready},
			{Name: "kafka", Ready: s.consumer.Ready, Notes: s.consumer.Stuck},
			{Name: "webhooks", Ready: s.webhooks.Ready, Notes: s.webhooks.Unreadable},
			{Name: "redis nodes", Ready: s.redisWatch.Ready, Notes: s.redisWatch.Notes},
			{Name: "ledger", Ready: s.ledger.Ready},
			{Name: "retry and dead-letter topics", Ready: s.Publisher.Ready, Notes: s.Publisher.Stalled},
			{Name: "hosts", Ready: always, Notes: s.dispatcher.HeldBack},
			{Name: "clock", Ready: always, Notes: ownClock.Notes},
		}, registry, log)
	return s, nil
}

// always is for a check that only has notes.
func always() error { return nil }

// retryTopics returns the retry topics that exist, with how long their records
// wait. It includes those that the settings no longer name.
func (s *Service) retryTopics(ctx context.Context) (map[string]time.Duration, error) {
	names, err := topics.RetryNames(ctx, s.Kafka.Client, s.cfg.Kafka.Topic)
	if err != nil {
		return nil, err
	}
	delays := make(map[string]time.Duration, len(names))
	for _, name := range names {
		delay, _ := topics.RetryDelay(s.cfg.Kafka.Topic, name)
		delays[name] = delay + retryqueue.HeadSlack
	}
	return delays, nil
}

// Run serves until ctx ends, and closes everything before it returns; it can be called
// once. It waits until the start-up check passes and nothing about Redis holds leads,
// before it joins the group: meanwhile other instances have all partitions. It stops the
// parts in the opposite order, so that attempts in flight have everything that they need
// until they end.
func (s *Service) Run(ctx context.Context) error {
	if err := s.admin.Listen(); err != nil {
		return errors.Join(err, s.Publisher.Close(), s.close())
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.webhooks.Run(serving) })
	background.Go(func() { s.ledger.Run(serving) })
	background.Go(func() { s.redisWatch.Run(serving) })
	background.Go(func() {
		select {
		case <-ctx.Done():
			s.log.Info("stopping; attempts in flight end first", zap.Duration("timeout", s.cfg.HTTP.Timeout))
		case <-serving.Done():
		}
	})
	background.Go(func() {
		if err := s.admin.Serve(serving); err != nil {
			s.log.Error("admin listener failed; leads go on", zap.Error(err))
		}
	})

	var err error
	if s.startup.await(ctx, s.check, s.log) && s.redisWatch.Await(ctx) == nil {
		err = s.consumer.Run(ctx)
	}
	s.log.Info("stopped reading")

	s.dispatcher.Close()
	err = errors.Join(err, s.Publisher.Close())
	stop()
	background.Wait()
	return errors.Join(err, s.close())
}

// close closes the connections.
func (s *Service) close() error {
	err := errors.Join(s.Webhooks.Topic.Close(), s.redis.Close())
	s.Kafka.Close()
	return err
}
