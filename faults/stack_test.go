//go:build faults

package faults

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/realstack"
)

// A stack is the Kafka and the Redis that all tests share, one after the
// other, each with a line to it that can be made slow or cut.
type stack struct {
	kafka     *realstack.Kafka
	redis     *realstack.Redis
	kafkaLine *line
	redisLine *line
	three     *three // nil while no test needs them
}

func startStack(ctx context.Context) (s *stack, err error) {
	s = &stack{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.kafkaLine, err = newLine(); err != nil {
		return s, err
	}
	if s.redisLine, err = newLine(); err != nil {
		return s, err
	}
	s.kafka, err = realstack.StartKafka(ctx, realstack.KafkaOptions{Proxy: s.kafkaLine.addr(), Config: map[string]string{
		"group.min.session.timeout.ms":    "1000", // for tests that wait for sessions to end
		"log.retention.check.interval.ms": "600000",
	}})
	if err != nil {
		return s, err
	}
	s.kafkaLine.leadTo(s.kafka.ProxiedAddr())
	if s.redis, err = realstack.StartRedis(ctx, realstack.RedisOptions{Args: []string{"--appendonly", "yes"}}); err != nil {
		return s, err
	}
	s.redisLine.leadTo(s.redis.Addr())
	return s, nil
}

func (s *stack) close() {
	s.endThree()
	var errs []error
	if s.kafka != nil {
		errs = append(errs, s.kafka.Close())
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	for _, l := range []*line{s.kafkaLine, s.redisLine} {
		if l != nil {
			l.close()
		}
	}
	_ = errors.Join(errs...) // a directory that stays behind is no failure of the service
}

// heal has both servers answer, Redis empty, and both lines sound, whatever a
// test has done to them.
func (s *stack) heal(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, l := range []*line{s.kafkaLine, s.redisLine} {
		if err := l.heal(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if !answers(s.kafka.Addr()) {
		if err := s.kafka.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if !answers(s.redis.Addr()) {
		if err := s.redis.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	s.redisDo(t, "CONFIG", "SET", "maxmemory", "0")
	s.redisDo(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	s.redisDo(t, "FLUSHALL")
}

// redisDo sends Redis one command.
func (s *stack) redisDo(t *testing.T, command ...any) {
	t.Helper()
	redisDo(t, s.redis.Addr(), command...)
}

// redisDo sends a Redis one command.
func redisDo(t *testing.T, addr string, command ...any) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	if err := client.Do(context.WithoutCancel(t.Context()), command...).Err(); err != nil {
		t.Fatalf("redis %v: %v", command, err)
	}
}
