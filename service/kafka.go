package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/leadhook/leadhook/config"
)

// Kafka has the clients of this process, which share addresses, TLS and SASL: Dialer is
// for consumers, Transport for producers, Client for single requests.
type Kafka struct {
	Dialer    *kafka.Dialer
	Transport *kafka.Transport
	Client    *kafka.Client
}

// ConnectKafka returns clients that connect when they are used, and that the caller must
// close. An error means that the settings are wrong.
func ConnectKafka(cfg config.Kafka) (*Kafka, error) {
	encryption, err := cfg.TLS.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kafka.tls: %w", err)
	}
	login, err := mechanism(cfg.SASL)
	if err != nil {
		return nil, fmt.Errorf("kafka.sasl: %w", err)
	}
	const dialTimeout = 5 * time.Second
	transport := &kafka.Transport{
		Dial:        (&net.Dialer{Timeout: dialPatience(dialTimeout, len(cfg.Brokers))}).DialContext,
		ClientID:    cfg.ClientID,
		TLS:         encryption,
		SASL:        login,
		DialTimeout: dialTimeout,
	}
	return &Kafka{
		Dialer: &kafka.Dialer{
			ClientID:      cfg.ClientID,
			Timeout:       dialTimeout,
			DualStack:     true,
			TLS:           encryption,
			SASLMechanism: login,
		},
		Transport: transport,
		Client:    &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: cfg.Timeout, Transport: transport},
	}, nil
}

// dialPatience returns how long one of several brokers may take to accept a
// connection. The transport tries them one after the other within one dialTimeout, and
// a machine that is off does not answer at all: time must be left for the others.
func dialPatience(dialTimeout time.Duration, brokers int) time.Duration {
	if brokers <= 1 {
		return dialTimeout
	}
	return max(Patience/time.Duration(brokers+1), time.Second)
}

func mechanism(cfg config.SASL) (sasl.Mechanism, error) {
	switch cfg.Mechanism {
	case config.SASLPlain:
		return plain.Mechanism{Username: cfg.Username, Password: cfg.Password.Reveal()}, nil
	case config.SASLScramSHA256:
		return scram.Mechanism(scram.SHA256, cfg.Username, cfg.Password.Reveal())
	case config.SASLScramSHA512:
		return scram.Mechanism(scram.SHA512, cfg.Username, cfg.Password.Reveal())
	}
	return nil, nil //nolint:nilnil // no login is what the setting "none" asks for
}

// Close closes the idle connections.
func (k *Kafka) Close() { k.Transport.CloseIdleConnections() }

// Patience is how long a command waits for the first answer of Kafka or Redis.
const Patience = 4 * time.Second

// Reach returns nil if Kafka answers within [Patience]. The error says which addresses
// were tried and what to check.
func (k *Kafka) Reach(ctx context.Context, cfg config.Kafka) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("no answer within %v", Patience))
	defer cancel()
	if _, err := k.Client.ApiVersions(ctx, &kafka.ApiVersionsRequest{}); err != nil {
		return fmt.Errorf("cannot talk to Kafka at %s (kafka.brokers): %w; is it running, and are"+
			" the settings kafka.tls and kafka.sasl what it expects?", strings.Join(cfg.Brokers, ", "), cause(ctx, err))
	}
	return nil
}

// HasTopic returns nil if a topic exists, and otherwise an error that says what to do. A
// producer would retry instead, in case the broker does not know the topic yet.
func (k *Kafka) HasTopic(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("no answer within %v", Patience))
	defer cancel()
	found, err := k.Client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return fmt.Errorf("cannot ask Kafka about the topic %s: %w", topic, cause(ctx, err))
	}
	for _, t := range found.Topics {
		if errors.Is(t.Error, kafka.UnknownTopicOrPartition) {
			return fmt.Errorf("the topic %s (kafka.topic) does not exist, or this user may not see it;"+
				" `leadhook topics create` creates it", topic)
		}
	}
	return nil
}

// ServiceName returns what tells the service of a topic from any other: the cluster of the
// topic, which Kafka names at random, and the topic.
func (k *Kafka) ServiceName(ctx context.Context, topic string) (string, error) {
	found, err := k.Client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return "", fmt.Errorf("asking Kafka for the id of its cluster: %w", cause(ctx, err))
	}
	return found.ClusterID + "/" + topic, nil
}

// cause returns why ctx ended, if it has, and err otherwise.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
