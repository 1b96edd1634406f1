package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// rules returns the conditions on several settings of c together.
func rules(c *Config) []rule {
	k, t, h, r := &c.Kafka, &c.Topics, &c.HTTP, &c.Retry
	all := []rule{
		memoryRule(c),
		{
			[]string{"kafka.heartbeat_interval", "kafka.session_timeout"},
			atMost(k.HeartbeatInterval, (k.SessionTimeout / 3).Truncate(ms), showDuration, "a third of kafka.session_timeout"),
		},
		{
			[]string{"topics.min_insync_replicas", "topics.replication_factor"},
			unless(t.ReplicationFactor == 0 || t.MinInSyncReplicas <= t.ReplicationFactor,
				fmt.Sprintf("%d is more than topics.replication_factor, which is %d", t.MinInSyncReplicas, t.ReplicationFactor)),
		},
		{
			[]string{"consumer.open_bytes", "kafka.max_event_bytes", "memory"},
			atLeast(c.Consumer.OpenBytes, 2*k.MaxEventBytes, showSize, "twice kafka.max_event_bytes"),
		},
		{
			[]string{"kafka.max_unpacked_bytes", "kafka.max_event_bytes"},
			atLeast(k.MaxUnpackedBytes, k.MaxEventBytes+64*kib, showSize, "kafka.max_event_bytes and 64KiB"),
		},
		{
			[]string{"consumer.stuck_after", "http.timeout", "retry.quick_attempts"},
			atLeast(c.Consumer.StuckAfter, time.Duration(r.QuickAttempts)*h.Timeout, showDuration,
				"http.timeout for each of retry.quick_attempts"),
		},
		{
			[]string{"http.connect_timeout", "http.timeout"},
			atMost(h.ConnectTimeout, h.Timeout, showDuration, "http.timeout"),
		},
		{[]string{"http.ca_file"}, errOf(h.RootCAs())},
		{
			[]string{"retry.quick_wait", "retry.quick_attempts"},
			unless(quickWaits(r) <= 10*time.Second,
				"the waits between retry.quick_attempts are "+showDuration(quickWaits(r))+" together: at most 10s"),
		},
	}
	all = append(all, waitRules(r)...)
	all = append(all, saslRules(&k.SASL)...)
	all = append(all, redisRules(&c.Redis)...)
	all = append(all, tlsRules("kafka.tls.", k.TLS, "kafka.tls.enabled", "is false")...)
	return append(all, tlsRules("redis.tls.", c.Redis.TLS, "redis.url", "does not begin with rediss://")...)
}

// quickWaits returns the sum of the waits between quick attempts.
func quickWaits(r *Retry) time.Duration {
	return r.QuickWait * (1<<(r.QuickAttempts-1) - 1)
}

func saslRules(s *SASL) []rule {
	keys := []string{"kafka.sasl.mechanism", "kafka.sasl.username", "kafka.sasl.password", "kafka.sasl.password_file"}
	complete := s.Username != "" && s.Password != ""
	var err error
	switch {
	case s.Mechanism == SASLNone && (s.Username != "" || s.Password != ""):
		err = errors.New("none, but a user or a password is given: name the mechanism, or leave them out")
	case s.Mechanism != SASLNone && !complete:
		err = fmt.Errorf("%s needs kafka.sasl.username, and kafka.sasl.password or kafka.sasl.password_file", s.Mechanism)
	}
	return []rule{{keys, err}}
}

func redisRules(r *Redis) []rule {
	url := []string{"redis.url", "redis.mode"}
	master := []string{"redis.sentinel_master", "redis.mode"}
	sentinelUser := []string{"redis.sentinel_username", "redis.sentinel_password", "redis.sentinel_password_file"}
	onlySentinel := r.SentinelMaster + r.SentinelUsername + r.SentinelPassword.Reveal()
	return []rule{
		{url, unless(r.Mode != RedisSingle || len(r.Addrs) <= 1,
			"has several hosts: set redis.mode to sentinel or cluster")},
		{url, unless(r.Mode != RedisCluster || r.DB == 0,
			"names a database, but a Cluster has only number 0")},
		{master, unless(r.Mode != RedisSentinel || r.SentinelMaster != "",
			"must be given if redis.mode is sentinel")},
		{slices.Concat(master, sentinelUser), unless(r.Mode == RedisSentinel || onlySentinel == "",
			"this or another redis.sentinel_ setting is given, but redis.mode is "+r.Mode)},
		{[]string{"redis.url", "redis.password", "redis.password_file"},
			userNeedsPassword(r.Username, r.Password)},
		{sentinelUser, userNeedsPassword(r.SentinelUsername, r.SentinelPassword)},
	}
}

// userNeedsPassword returns an error if there is a user without a password. The
// client would then omit the user too, and authenticate as the default user.
func userNeedsPassword(user string, password lead.Secret) error {
	return unless(user == "" || password != "", "there is a user, but no password")
}

// tlsRules returns the rules about one group of TLS settings. Where any of them is
// given, TLS is expected and must be switched on.
func tlsRules(group string, t TLS, switchKey, isOff string) []rule {
	ca, cert, key, server := group+"ca_file", group+"cert_file", group+"key_file", group+"server_name"
	paired := (t.CertFile == "") == (t.KeyFile == "")
	rules := []rule{
		{[]string{ca, cert, key, server, switchKey},
			unless(t.Enabled || cmp.Or(t.CAFile, t.CertFile, t.KeyFile, t.ServerName) == "",
				fmt.Sprintf("this or another %s setting is given, but %s %s", group, switchKey, isOff))},
		{[]string{ca}, errOf(t.roots())},
		{[]string{cert, key}, unless(paired, "the certificate and its key must be given together")},
	}
	if paired {
		rules = append(rules, rule{[]string{cert, key}, errOf(t.certificates())})
	}
	return rules
}

// unless returns an error with that message unless the condition holds.
func unless(holds bool, message string) error {
	if holds {
		return nil
	}
	return errors.New(message)
}

func atMost[T cmp.Ordered](is, most T, show func(T) string, name string) error {
	return unless(is <= most, fmt.Sprintf("%s is too much: want at most %s, which is %s", show(is), name, show(most)))
}

func atLeast[T cmp.Ordered](is, least T, show func(T) string, name string) error {
	return unless(is >= least, fmt.Sprintf("%s is too little: want at least %s, which is %s", show(is), name, show(least)))
}

// errOf returns the error of a call with two results.
func errOf[T any](_ T, err error) error { return err }
