package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/consumer"
	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/internal/admin"
	"github.com/leadhook/leadhook/ledger"
	"github.com/leadhook/leadhook/requeue"
	"github.com/leadhook/leadhook/subscription"
	"github.com/leadhook/leadhook/topics"
)

// A service is everything that `leadhook run` is made of, in the order of the
// way of a lead.
type service struct {
	cfg *config.Config
	log *zap.Logger

	kafka *kafkaConn
	redis redis.UniversalClient

	consumer    *consumer.Consumer
	dispatcher  *dispatch.Dispatcher
	store       *subscription.Store
	webhooks    *subscription.Cache
	ledger      *ledger.Ledger
	publisher   *requeue.Publisher
	admin       *admin.Server
	foundations foundations
}

// newService builds a service that does nothing yet. The error is about the
// settings.
func newService(cfg *config.Config, log *zap.Logger) (*service, error) {
	s := &service{cfg: cfg, log: log}
	var err error
	if s.kafka, err = connectKafka(cfg.Kafka); err != nil {
		return nil, err
	}
	if s.redis, err = connectRedis(cfg.Redis); err != nil {
		return nil, err
	}
	posting, err := dispatchOptions(cfg)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	s.store = subscription.NewStore(s.redis)
	s.webhooks = subscription.NewCache(s.store, subscription.Options{
		TTL: cfg.Redis.CacheTTL, Grace: cfg.Redis.Grace, MaxBytes: int64(cfg.Redis.CacheBytes),
	}, registry, log)
	s.ledger = ledger.NewLedger(s.redis, ledger.LedgerOptions{
		MaxPending: cfg.Redis.LedgerPending, HandedOnKept: cfg.Topics.DeadLetterRetention,
	}, registry, log)
	s.publisher = requeue.NewPublisher(newPublisherOptions(cfg.Kafka, s.kafka), registry, log)
	retryQueue := requeue.NewWheel(s.publisher, cfg.Kafka.Topic, cfg.Retry.Delays)
	s.dispatcher = dispatch.New(posting, dispatch.Parts{
		Webhooks:    s.webhooks,
		Standing:    s.store,
		Ledger:      s.ledger,
		RetryQueue:  retryQueue,
		DeadLetters: requeue.NewDeadLetters(s.publisher, topics.DeadLetterName(cfg.Kafka.Topic)),
	}, registry, log)
	reading := consumerOptions(cfg, s.kafka)
	reading.Waiting, reading.Due, reading.BeforeLastCommit = s.retryTopics, retryQueue.Due, s.ledger.Flush
	s.consumer = consumer.New(reading, s.dispatcher, registry, log)
	s.admin = admin.New(admin.Options{Listen: cfg.Admin.Listen, PProf: cfg.Admin.PProf, Version: buildVersion()},
		[]admin.Check{
			{Name: "start", Ready: s.foundations.ready},
			{Name: "kafka", Ready: s.consumer.Ready},
			{Name: "redis", Ready: s.webhooks.Ready},
			{Name: "retry and dead-letter topics", Ready: s.publisher.Ready},
		}, registry, log)
	return s, nil
}

func dispatchOptions(cfg *config.Config) (dispatch.Options, error) {
	roots, err := cfg.HTTP.RootCAs()
	if err != nil {
		return dispatch.Options{}, fmt.Errorf("http.ca_file: %w", err)
	}
	return dispatch.Options{
		Attempt: attempt.Options{
			Timeout:        cfg.HTTP.Timeout,
			ConnectTimeout: cfg.HTTP.ConnectTimeout,
			MaxInFlight:    cfg.HTTP.MaxInFlight,
			UserAgent:      "leadhook/" + buildVersion(),
			Guard:          guardOptions(cfg.HTTP),
			Proxy:          cfg.HTTP.ProxyURL(),
			RootCAs:        roots,
		},
		OpenEvents:     cfg.Consumer.OpenEvents,
		OpenBytes:      cfg.Consumer.OpenBytes,
		Schedule:       cfg.Retry.Schedule,
		Expire:         cfg.Retry.Expire,
		LookAgainAfter: cfg.Kafka.SessionTimeout / 3,
		QuickAttempts:  cfg.Retry.QuickAttempts,
		QuickWait:      cfg.Retry.QuickWait,
		MaxEventBytes:  cfg.Kafka.MaxEventBytes,
		Provider:       cfg.ADF.Provider,
	}, nil
}

func guardOptions(cfg config.HTTP) attempt.GuardOptions {
	return attempt.GuardOptions{AllowHTTP: cfg.AllowHTTP, AllowCIDRs: cfg.AllowCIDRs, AllowPorts: cfg.AllowPorts}
}

func consumerOptions(cfg *config.Config, k *kafkaConn) consumer.Options {
	return consumer.Options{
		Brokers:           cfg.Kafka.Brokers,
		Dialer:            k.dialer,
		Client:            k.client,
		Group:             cfg.Kafka.Group,
		Topics:            []string{cfg.Kafka.Topic},
		SessionTimeout:    cfg.Kafka.SessionTimeout,
		RebalanceTimeout:  cfg.Kafka.RebalanceTimeout,
		HeartbeatInterval: cfg.Kafka.HeartbeatInterval,
		FetchMaxBytes:     cfg.Kafka.FetchMaxBytes,
		CommitInterval:    cfg.Kafka.CommitInterval,
		OpenEvents:        cfg.Consumer.OpenEvents,
		OpenBytes:         cfg.Consumer.OpenBytes,
		StuckAfter:        cfg.Consumer.StuckAfter,
	}
}

// retryTopics are the retry topics that exist, those of other settings too, and
// how long their records wait.
func (s *service) retryTopics(ctx context.Context) (map[string]time.Duration, error) {
	names, err := topics.RetryNames(ctx, s.kafka.client, s.cfg.Kafka.Topic)
	if err != nil {
		return nil, err
	}
	delays := make(map[string]time.Duration, len(names))
	for _, name := range names {
		delay, _ := topics.RetryDelay(s.cfg.Kafka.Topic, name)
		delays[name] = delay + requeue.HeadSlack
	}
	return delays, nil
}

// run serves until ctx ends: it waits for Kafka and Redis to be as they must
// be, and consumes. Then it stops in the opposite order, so that what is
// under way has all that it needs until it has ended.
func (s *service) run(ctx context.Context) error {
	if err := s.admin.Listen(); err != nil {
		s.kafka.close()
		return errors.Join(err, s.publisher.Close(), s.redis.Close())
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.webhooks.Run(serving) })
	background.Go(func() { s.ledger.Run(serving) })
	background.Go(func() {
		select {
		case <-ctx.Done():
			s.log.Info("told to stop: attempts under way end first", zap.Duration("timeout", s.cfg.HTTP.Timeout))
		case <-serving.Done():
		}
	})
	background.Go(func() {
		if err := s.admin.Serve(serving); err != nil {
			s.log.Error("the admin listener ended", zap.Error(err))
		}
	})

	var err error
	if s.foundations.await(ctx, s.check, s.log) {
		err = s.consumer.Run(ctx)
	}
	s.log.Info("stopped reading; ending")

	s.dispatcher.Close()
	err = errors.Join(err, s.publisher.Close())
	stop()
	background.Wait()
	s.kafka.close()
	return errors.Join(err, s.redis.Close())
}

// check asks whether Kafka's topics and Redis are such that nothing can get
// lost or stall.
func (s *service) check(ctx context.Context) error {
	problems, err := topics.Check(ctx, s.kafka.client, topicSpecs(s.cfg))
	if err != nil {
		return err
	}
	var faults []error
	var warnings []zap.Field
	for _, p := range problems {
		if p.Warning {
			warnings = append(warnings, zap.String("warning", p.Text))
			continue
		}
		faults = append(faults, errors.New(p.Text))
	}
	err = errors.Join(append(faults, s.store.CheckEviction(ctx))...)
	if err == nil && len(warnings) > 0 { // once, when nothing keeps it from starting
		s.log.Warn("the topics work, but are not as the settings say", warnings...)
	}
	return err
}

// foundations are what must be right before the first lead is read.
type foundations struct {
	mu    sync.Mutex
	wrong error    // guarded by mu; nil once all was right
	right bool     // guarded by mu
	said  []string // guarded by mu; causes that were logged
}

// await repeats check with back-off until it finds nothing wrong, and returns
// false if ctx ended first. It logs each new cause once.
func (f *foundations) await(ctx context.Context, check func(context.Context) error, log *zap.Logger) bool {
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(200*time.Millisecond),
		backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(0))
	err := backoff.RetryNotify(func() error { return check(ctx) }, backoff.WithContext(wait, ctx),
		func(err error, _ time.Duration) {
			if f.note(err) && ctx.Err() == nil {
				log.Warn("cannot start reading yet, trying on", zap.Error(err))
			}
		})
	if err != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.right, f.wrong = true, nil
	return true
}

// note keeps the cause, and says whether it is one to log. Of several brokers
// that are away each is a cause of its own, and they come by turns, for hours.
func (f *foundations) note(err error) bool {
	const remembered = 20 // a cause can have a number in it that is always another
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong = err
	if slices.Contains(f.said, err.Error()) {
		return false
	}
	f.said = append(f.said[max(0, len(f.said)-remembered+1):], err.Error())
	return true
}

// errStarting is the cause before the first answer of Kafka and Redis.
var errStarting = errors.New("Kafka and Redis have not been asked yet")

func (f *foundations) ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.right && f.wrong == nil {
		return errStarting
	}
	return f.wrong
}
