package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/bench/crm"
	"github.com/leadhook/leadhook/internal/realstack"
)

// A stack is what all runs share, one after the other.
type stack struct {
	dir   string // binaries, logs
	kafka *realstack.Kafka
	redis *realstack.Redis
	world *crm.World
	admin *kafka.Client
}

func startStack(ctx context.Context, dir string) (s *stack, err error) {
	s = &stack{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.world, err = crm.Start(ctx, dir); err != nil {
		return s, err
	}
	// Topics of earlier runs must be gone, and not be looked after meanwhile.
	s.kafka, err = realstack.StartKafka(ctx, realstack.KafkaOptions{Config: map[string]string{
		"log.segment.delete.delay.ms": "1000", "log.retention.check.interval.ms": "600000", "log.cleaner.enable": "false",
	}})
	if err != nil {
		return s, err
	}
	if s.redis, err = realstack.StartRedis(ctx, realstack.RedisOptions{}); err != nil {
		return s, err
	}
	s.admin = &kafka.Client{Addr: kafka.TCP(s.kafka.Addr()), Timeout: 20 * time.Second,
		Transport: &kafka.Transport{MetadataTTL: 200 * time.Millisecond}}
	return s, nil
}

func (s *stack) close() error {
	var errs []error
	if s.kafka != nil {
		errs = append(errs, s.kafka.Close())
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	if s.world != nil {
		errs = append(errs, s.world.Close())
	}
	return errors.Join(errs...)
}

// empty empties Redis.
func (s *stack) empty(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: s.redis.Addr(), ReadTimeout: time.Minute})
	defer client.Close()
	return client.FlushAll(ctx).Err()
}

// deleteTopics deletes all topics that are named after the topic of lead events, and
// the topic itself unless it is to be kept. It returns when they are gone. It does
// nothing once ctx has ended, since Kafka ends then, too.
func (s *stack) deleteTopics(ctx context.Context, topic string, keep bool) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // see above
	}
	named, err := s.topics(ctx, topic)
	if err != nil {
		return err
	}
	var doomed []string
	for _, t := range named {
		if !keep || t.Name != topic {
			doomed = append(doomed, t.Name)
		}
	}
	if len(doomed) == 0 {
		return nil
	}
	if _, err := s.admin.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: doomed}); err != nil {
		return err
	}
	return until(ctx, 30*time.Second, "Kafka has deleted the topics of the last run", func(ctx context.Context) bool {
		left, err := s.topics(ctx, topic)
		return err == nil && len(left) == len(named)-len(doomed)
	})
}

// topics returns all topics that are named after the topic of lead events, and that
// one.
func (s *stack) topics(ctx context.Context, topic string) ([]kafka.Topic, error) {
	meta, err := s.admin.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, err
	}
	var named []kafka.Topic
	for _, t := range meta.Topics {
		if t.Name == topic || strings.HasPrefix(t.Name, topic+".") {
			named = append(named, t)
		}
	}
	return named, nil
}

// waits counts the records of the retry topics: how often leads went there.
func (s *stack) waits(ctx context.Context, topic string) (n int64, err error) {
	named, err := s.topics(ctx, topic)
	if err != nil {
		return 0, err
	}
	request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	for _, t := range named {
		if strings.HasPrefix(t.Name, topic+".retry.") {
			for _, p := range t.Partitions {
				request.Topics[t.Name] = append(request.Topics[t.Name], kafka.LastOffsetOf(p.ID))
			}
		}
	}
	response, err := s.admin.ListOffsets(ctx, request)
	if err != nil {
		return 0, err
	}
	for _, partitions := range response.Topics {
		for _, p := range partitions {
			n += p.LastOffset
		}
	}
	return n, nil
}

// until polls until it is so.
func until(ctx context.Context, within time.Duration, what string, so func(context.Context) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %v: %s", within, what))
	defer cancel()
	for !so(ctx) {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// pause returns early, with the cause, when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ownEnviron is the environment without what a developer has set for leadhook.
func ownEnviron() []string {
	var all []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "LEADHOOK_") {
			all = append(all, entry)
		}
	}
	return all
}
