package realstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// masterName is the sentinels' name of the primary.
const masterName = "leads"

// Sentinel is a primary, its replica, and three sentinels. They promote the replica
// about two seconds after the primary fails.
type Sentinel struct {
	primary, replica *Redis
	sentinels        []*sentinel
}

// StartSentinel starts all five processes. It returns when every sentinel knows the
// others and the replica, so that a failover is possible.
func StartSentinel(ctx context.Context) (*Sentinel, error) {
	s := &Sentinel{}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sentinel) start(ctx context.Context) (err error) {
	if s.primary, err = StartRedis(ctx, RedisOptions{}); err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(s.primary.Addr())
	if s.replica, err = StartRedis(ctx, RedisOptions{Args: []string{"--replicaof", host, port}}); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	for _, sentinelPort := range ports {
		one, err := startSentinel(ctx, sentinelPort, port)
		if err != nil {
			return err
		}
		s.sentinels = append(s.sentinels, one)
	}
	for _, one := range s.sentinels {
		one.ready = one.knowsAll
		if err := one.awaitReady(ctx); err != nil {
			return fmt.Errorf("start sentinels: %w; the last lines of one:\n%s", err, one.Log())
		}
	}
	return nil
}

// Master returns the name of the primary for the sentinels.
func (s *Sentinel) Master() string { return masterName }

// Addrs returns the host:port of each sentinel.
func (s *Sentinel) Addrs() []string {
	var addrs []string
	for _, one := range s.sentinels {
		addrs = append(addrs, one.addr)
	}
	return addrs
}

// Primary returns the Redis that was the primary at the start.
func (s *Sentinel) Primary() *Redis { return s.primary }

// Replica returns the Redis that was the replica at the start.
func (s *Sentinel) Replica() *Redis { return s.replica }

// Current returns the one of the two that most sentinels call the primary now; nil if they
// differ, or do not answer.
func (s *Sentinel) Current(ctx context.Context) *Redis {
	votes := map[string]int{}
	for _, one := range s.sentinels {
		_ = one.ask(func(c *redis.SentinelClient) error { // one that does not answer has no vote
			found, err := c.GetMasterAddrByName(ctx, masterName).Result()
			if err == nil {
				votes[net.JoinHostPort(found[0], found[1])]++
			}
			return err
		})
	}
	for _, r := range []*Redis{s.primary, s.replica} {
		if votes[r.addr] > len(s.sentinels)/2 {
			return r
		}
	}
	return nil
}

// FailOver has the sentinels promote the replica although the primary is well. They
// refuse while they know no replica.
func (s *Sentinel) FailOver(ctx context.Context) error {
	return s.sentinels[0].ask(func(c *redis.SentinelClient) error { return c.Failover(ctx, masterName).Err() })
}

// Revive restarts the one of the two that is not the primary now, as a replica. It returns
// when every sentinel knows that it is in sync.
func (s *Sentinel) Revive(ctx context.Context) error {
	primary := s.Current(ctx)
	if primary == nil {
		return errors.New("the sentinels do not agree on a primary")
	}
	other := s.primary
	if primary == other {
		other = s.replica
	}
	if err := other.Restart(ctx); err != nil {
		return err
	}
	client, err := other.client()
	if err != nil {
		return err
	}
	defer client.Close()
	host, port, _ := net.SplitHostPort(primary.Addr())
	if err := client.ReplicaOf(ctx, host, port).Err(); err != nil { // the sentinels would do so, after some time
		return err
	}
	return s.AwaitReplica(ctx)
}

// AwaitReplica returns when every sentinel knows a replica that is in sync.
func (s *Sentinel) AwaitReplica(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("none within %v", startTimeout))
	defer cancel()
	for _, one := range s.sentinels {
		if err := one.awaitReady(ctx); err != nil {
			return fmt.Errorf("the sentinels know no replica in sync: %w", err)
		}
	}
	return nil
}

// Close ends all five processes.
func (s *Sentinel) Close() error {
	var errs []error
	for _, one := range s.sentinels {
		errs = append(errs, one.Close())
	}
	for _, r := range []*Redis{s.replica, s.primary} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}

// A sentinel is one of the three sentinel processes.
type sentinel struct {
	*server
	addr string
}

func startSentinel(ctx context.Context, port int, primaryPort string) (*sentinel, error) {
	dir, err := newDir("sentinel")
	if err != nil {
		return nil, err
	}
	s := &sentinel{addr: loopback(port)}
	s.server = &server{name: "Redis Sentinel", dir: dir, ready: s.ping,
		argv: []string{"redis-server", "sentinel.conf", "--sentinel"}}
	// It must be a file, since a sentinel rewrites it.
	config := "port " + strconv.Itoa(port) + "\nbind 127.0.0.1\n" +
		"sentinel monitor " + masterName + " 127.0.0.1 " + primaryPort + " 2\n" +
		"sentinel down-after-milliseconds " + masterName + " 1000\n" +
		"sentinel failover-timeout " + masterName + " 5000\n"
	err = os.WriteFile(filepath.Join(dir, "sentinel.conf"), []byte(config), 0o600)
	if err == nil {
		err = s.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// ask calls question with a client, which it then closes.
func (s *sentinel) ask(question func(*redis.SentinelClient) error) error {
	client := redis.NewSentinelClient(&redis.Options{Addr: s.addr, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	return question(client)
}

func (s *sentinel) ping(ctx context.Context) error {
	return s.ask(func(c *redis.SentinelClient) error { return c.Ping(ctx).Err() })
}

func (s *sentinel) knowsAll(ctx context.Context) error {
	return s.ask(func(c *redis.SentinelClient) error {
		others, err := c.Sentinels(ctx, masterName).Result()
		if err != nil {
			return err
		}
		replicas, err := c.Replicas(ctx, masterName).Result()
		if err != nil {
			return err
		}
		if len(others) != 2 || len(replicas) != 1 || replicas[0]["master-link-status"] != "ok" {
			return fmt.Errorf("it knows %d of 2 other sentinels and %d of 1 replica, or the replica is not in sync", len(others), len(replicas))
		}
		return nil
	})
}
