package service

import (
	"fmt"
	"net/url"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/consumer"
	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/topics"
)

// DispatchOptions returns the options for sending leads. version becomes part of the
// User-Agent. An error means that the settings are wrong.
func DispatchOptions(cfg *config.Config, version string) (dispatch.Options, error) {
	roots, err := cfg.HTTP.RootCAs()
	if err != nil {
		return dispatch.Options{}, fmt.Errorf("http.ca_file: %w", err)
	}
	return dispatch.Options{
		Attempt: attempt.Options{
			Timeout:        cfg.HTTP.Timeout,
			ConnectTimeout: cfg.HTTP.ConnectTimeout,
			MaxInFlight:    cfg.HTTP.MaxInFlight,
			PerAdvertiser:  cfg.HTTP.ShareConnections == config.ShareAdvertiser,
			UserAgent:      "leadhook/" + version,
			Guard:          GuardOptions(cfg.HTTP),
			Proxy:          cfg.HTTP.ProxyURL(),
			RootCAs:        roots,
		},
		OpenEvents:     cfg.Consumer.OpenEvents,
		OpenBytes:      cfg.Consumer.OpenBytes,
		HostLimits:     hostLimits(cfg.HTTP.HostLimits),
		Schedule:       cfg.Retry.Schedule,
		Expire:         cfg.Retry.Expire,
		LookAgainAfter: cfg.Kafka.SessionTimeout / 3,
		QuickAttempts:  cfg.Retry.QuickAttempts,
		QuickWait:      cfg.Retry.QuickWait,
		MaxEventBytes:  cfg.Kafka.MaxEventBytes,
		Provider:       cfg.ADF.Provider,
	}, nil
}

// hostLimits returns the limits by origin. The setting names no scheme, since only
// one of them is spoken on a port.
func hostLimits(byHost map[string]config.HostLimit) map[string]dispatch.HostLimit {
	limits := make(map[string]dispatch.HostLimit, 2*len(byHost))
	for host, limit := range byHost {
		for _, scheme := range []string{"https", "http"} {
			limits[attempt.Origin(&url.URL{Scheme: scheme, Host: host})] = dispatch.HostLimit(limit)
		}
	}
	return limits
}

// GuardOptions returns the options that say which URLs webhooks may have.
func GuardOptions(cfg config.HTTP) attempt.GuardOptions {
	return attempt.GuardOptions{
		AllowHTTP: cfg.AllowHTTP, AllowCIDRs: cfg.AllowCIDRs, DenyCIDRs: cfg.DenyCIDRs, AllowPorts: cfg.AllowPorts,
	}
}

func consumerOptions(cfg *config.Config, k *Kafka) consumer.Options {
	return consumer.Options{
		Brokers:           cfg.Kafka.Brokers,
		Dialer:            k.Dialer,
		Client:            k.Client,
		Group:             cfg.Kafka.Group,
		Topics:            []string{cfg.Kafka.Topic},
		SessionTimeout:    cfg.Kafka.SessionTimeout,
		RebalanceTimeout:  cfg.Kafka.RebalanceTimeout,
		HeartbeatInterval: cfg.Kafka.HeartbeatInterval,
		Start:             cfg.Kafka.Start,
		Retention:         cfg.Ledger.Retention,
		FetchMaxBytes:     cfg.Kafka.FetchMaxBytes,
		MaxRecordBytes:    cfg.Kafka.MaxUnpackedBytes,
		CommitInterval:    cfg.Kafka.CommitInterval,
		OpenEvents:        cfg.Consumer.OpenEvents,
		OpenBytes:         cfg.Consumer.OpenBytes,
		StuckAfter:        cfg.Consumer.StuckAfter,
	}
}

// TopicSpecs returns the topics that the settings ask for, the live topic first.
func TopicSpecs(cfg *config.Config) []topics.Spec {
	return topics.Specs(topics.Settings{
		Live:                cfg.Kafka.Topic,
		Partitions:          cfg.Topics.Partitions,
		ReplicationFactor:   cfg.Topics.ReplicationFactor,
		MinInsync:           cfg.Topics.MinInSyncReplicas,
		LiveRetention:       cfg.Topics.Retention,
		DeadLetterRetention: cfg.Topics.DeadLetterRetention,
		RetryDelays:         cfg.Retry.Delays,
		MaxMessageBytes:     liveRecordBytes(cfg.Kafka),
	})
}

// liveRecordBytes returns the size of the largest record in the live topic: the
// largest event, with room for its key and the producer's headers.
func liveRecordBytes(cfg config.Kafka) int { return cfg.MaxEventBytes + topics.HeadRoom }

// publisherOptions returns the options for publishing what the service cannot deliver now.
func publisherOptions(cfg *config.Config, k *Kafka) producer.Options {
	opts := PublisherOptions(cfg.Kafka, k)
	opts.OpenRecords, opts.OpenBytes = cfg.Consumer.OpenEvents, cfg.Consumer.OpenBytes
	return opts
}

// PublisherOptions returns the options for publishing records.
func PublisherOptions(cfg config.Kafka, k *Kafka) producer.Options {
	return producer.Options{
		Brokers:        cfg.Brokers,
		Transport:      k.Transport,
		MaxRecordBytes: liveRecordBytes(cfg) + topics.HeadRoom,
	}
}
