package config

import (
	"strings"
	"time"
)

// A setting is one line of the table: what a file and the environment may say,
// and where it goes.
type setting struct {
	key     string // its path in the file
	def     string // as it would be written
	value   value
	meaning string // for the person who sets it
}

// variable is the name of the environment variable that overrides the file.
func (s setting) variable() string {
	return prefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

const prefix = "LEADHOOK_"

// A section is the settings whose keys begin with its name.
type section struct {
	name     string
	meaning  string
	settings []setting
}

// sections is the table, tied to the fields of c, in the order in which
// everything is shown and set. Of a secret that can be given in several ways,
// the later setting sees what the earlier one has set.
func sections(c *Config) []section {
	return []section{
		{"kafka", "Where the leads come from.", kafkaSettings(&c.Kafka)},
		{"topics", "What leadhook topics creates, and checks.", topicSettings(&c.Topics)},
		{"redis", "Where the webhooks are, and how far each delivery got.", redisSettings(&c.Redis)},
		{"consumer", "What one instance holds at once: its memory.", consumerSettings(&c.Consumer)},
		{"http", "How leads are POSTed, and to where.", httpSettings(&c.HTTP)},
		{"retry", "When a delivery that failed is tried again: within seconds in the process, then after waits in Kafka.", retrySettings(&c.Retry)},
		{"adf", "What ADF documents say of their sender.", []setting{
			{"adf.provider", "leadhook", name(&c.ADF.Provider),
				"The lead source, as the CRM shows it, of webhooks that name none."},
		}},
		{"admin", "Health, readiness and metrics over HTTP.", []setting{
			{"admin.listen", "127.0.0.1:9464", listenOrNot(&c.Admin.Listen),
				"Where to listen; empty: not at all. There is no authentication:" +
					" let only the monitoring and the orchestrator reach it."},
			{"admin.pprof", "false", truth(&c.Admin.PProf),
				"Serve Go's profiles too. They show what is in memory: leads, tokens."},
		}},
		{"log", "What is written to standard error.", []setting{
			{"log.level", "info", choice(&c.Log.Level, "debug", "info", "warn", "error"),
				"The least level that is logged. debug has a line for each delivery."},
			{"log.format", "json", choice(&c.Log.Format, "json", "console"),
				"json for machines, console for people."},
		}},
		{"dev", "For leadhook dev alone.", []setting{
			{"dev.kafka_listen", "127.0.0.1:9092", listen(&c.Dev.KafkaListen),
				"Where the embedded Kafka broker listens."},
			{"dev.redis_listen", "127.0.0.1:6379", listen(&c.Dev.RedisListen),
				"Where the embedded Redis listens."},
			{"dev.crm_listen", "127.0.0.1:8085", listen(&c.Dev.CRMListen),
				"Where the sample CRM listens."},
			{"dev.data", "", path(&c.Dev.Data),
				"Directory of the embedded broker's data; empty: in memory, gone at the end."},
		}},
	}
}

const (
	ms   = time.Millisecond
	hour = time.Hour
	day  = 24 * time.Hour

	kib = 1 << 10
	mib = 1 << 20
)

func kafkaSettings(k *Kafka) []setting {
	return []setting{
		{"kafka.brokers", "127.0.0.1:9092", hostPorts(&k.Brokers, 9092),
			"Some brokers of the cluster; they name the others."},
		{"kafka.topic", "leads", topic(&k.Topic),
			"The topic of the lead events. The others are named after it, such as leads.dlq."},
		{"kafka.group", "leadhook", name(&k.Group),
			"The consumer group. All instances of a service share one."},
		{"kafka.client_id", "leadhook", name(&k.ClientID),
			"How the brokers' logs and quotas name this client."},

		{"kafka.tls.enabled", "false", truth(&k.TLS.Enabled), "Talk TLS to the brokers."},
		{"kafka.tls.ca_file", "", path(&k.TLS.CAFile),
			"PEM file of the certificates to trust instead of the system's."},
		{"kafka.tls.cert_file", "", path(&k.TLS.CertFile),
			"PEM file of the client's certificate, where brokers want one."},
		{"kafka.tls.key_file", "", path(&k.TLS.KeyFile), "PEM file of its key."},
		{"kafka.tls.server_name", "", text(&k.TLS.ServerName),
			"The name to expect in the brokers' certificates; empty: the host that is dialled."},

		{"kafka.sasl.mechanism", SASLNone,
			choice(&k.SASL.Mechanism, SASLNone, SASLPlain, SASLScramSHA256, SASLScramSHA512),
			"How to authenticate. plain sends the password as it is: together with TLS only."},
		{"kafka.sasl.username", "", text(&k.SASL.Username), "The user to authenticate as."},
		{"kafka.sasl.password", "", secret(&k.SASL.Password), "The user's password."},
		{"kafka.sasl.password_file", "", secretFile(&k.SASL.Password),
			"File to read the password from, instead of kafka.sasl.password. A line break at the end is ignored."},

		{"kafka.session_timeout", "10s", duration(&k.SessionTimeout, 500*ms, 10*time.Minute),
			"After so long without a heartbeat, the group gives an instance's partitions to the others:" +
				" how long leads wait after an instance has died."},
		{"kafka.rebalance_timeout", "10s", duration(&k.RebalanceTimeout, 500*ms, 10*time.Minute),
			"How long the group waits for its members when one joins or leaves."},
		{"kafka.heartbeat_interval", "500ms", duration(&k.HeartbeatInterval, 50*ms, time.Minute),
			"How often an instance shows that it lives; at most a third of kafka.session_timeout."},

		{"kafka.fetch_max_bytes", "1MiB", size(&k.FetchMaxBytes, 16*kib, 64*mib),
			"How much is fetched of a partition at once."},
		{"kafka.commit_interval", "250ms", duration(&k.CommitInterval, 10*ms, time.Minute),
			"How often it is recorded how far the leads are done. After a crash, what was done since is read again."},
		{"kafka.max_event_bytes", "1MiB", size(&k.MaxEventBytes, kib, 16*mib),
			"A larger lead event goes to the dead-letter topic."},
		{"kafka.timeout", "10s", duration(&k.Timeout, 100*ms, 5*time.Minute),
			"How long a single request may take, and how long a command waits for Kafka to answer at all."},
	}
}

func topicSettings(t *Topics) []setting {
	return []setting{
		{"topics.partitions", "12", number(&t.Partitions, 1, 10000),
			"Partitions of each topic: the greatest number of instances that can share the work."},
		{"topics.replication_factor", "0", number(&t.ReplicationFactor, 0, 100),
			"Copies of each partition; 0: the brokers' default."},
		{"topics.min_insync_replicas", "0", number(&t.MinInSyncReplicas, 0, 100),
			"Copies that must have a record before it counts as written; 0: the brokers' default."},
		{"topics.retention", "7d", duration(&t.Retention, hour, 3650*day),
			"How long the live topic keeps leads: the longest time that leadhook may be away without losing one."},
		{"topics.dead_letter_retention", "30d", duration(&t.DeadLetterRetention, hour, 3650*day),
			"How long dead letters are kept, and as long the progress of deliveries that had to wait." +
				" A change of it forgets that progress."},
	}
}

func redisSettings(r *Redis) []setting {
	return []setting{
		{"redis.url", "redis://127.0.0.1:6379/0", redisURL(r),
			"Where Redis is; rediss:// for TLS. Several hosts are Sentinels or nodes of a Cluster."},
		{"redis.mode", RedisSingle, choice(&r.Mode, RedisSingle, RedisSentinel, RedisCluster),
			"What redis.url leads to: the server itself, Sentinels that know it, or a Cluster."},
		{"redis.password", "", secret(&r.Password), "The password, instead of one in redis.url."},
		{"redis.password_file", "", secretFile(&r.Password),
			"File to read the password from, instead of redis.password. A line break at the end is ignored."},

		{"redis.sentinel_master", "", text(&r.SentinelMaster), "The name that the Sentinels know the primary by."},
		{"redis.sentinel_username", "", text(&r.SentinelUsername), "The user of the Sentinels themselves."},
		{"redis.sentinel_password", "", secret(&r.SentinelPassword), "The password of the Sentinels themselves."},
		{"redis.sentinel_password_file", "", secretFile(&r.SentinelPassword),
			"File to read that password from. A line break at the end is ignored."},

		{"redis.tls.ca_file", "", path(&r.TLS.CAFile),
			"PEM file of the certificates to trust instead of the system's."},
		{"redis.tls.cert_file", "", path(&r.TLS.CertFile),
			"PEM file of the client's certificate, where Redis wants one."},
		{"redis.tls.key_file", "", path(&r.TLS.KeyFile), "PEM file of its key."},
		{"redis.tls.server_name", "", text(&r.TLS.ServerName),
			"The name to expect in Redis's certificate; empty: the host that is dialled."},

		{"redis.timeout", "2s", duration(&r.Timeout, 10*ms, time.Minute),
			"How long connecting and a single command may take."},
		{"redis.pool_size", "0", number(&r.PoolSize, 0, 10000),
			"The most connections to each server; 0: ten for each CPU."},
		{"redis.cache_ttl", "30s", duration(&r.CacheTTL, 100*ms, hour),
			"How old a cached webhook may get, should the announcement of its change be lost."},
		{"redis.cache_bytes", "32MiB", memory(&r.CacheBytes, mib),
			"Memory for cached webhooks, and for the knowledge that an advertiser has none."},
		{"redis.grace", "5m", duration(&r.Grace, 0, day),
			"How long cached webhooks are still served while Redis is away. Then leads wait."},
		{"redis.ledger_pending", "100000", number(&r.LedgerPending, 1000, 100_000_000),
			"How many deliveries' progress is kept in memory, 200 bytes each, while Redis does not take it." +
				" Beyond it the oldest is forgotten, and may be delivered again."},
	}
}

func consumerSettings(c *Consumer) []setting {
	return []setting{
		{"consumer.open_bytes", "64MiB", memory(&c.OpenBytes, mib),
			"Bytes of lead events that are being handled, over all partitions. At the limit, fetching" +
				" waits, with at most three events of each partition at hand."},
		{"consumer.open_events", "2000", number(&c.OpenEvents, 1, 10_000_000),
			"Lead events that are being handled, over all partitions. At the limit, fetching waits."},
		{"consumer.stuck_after", "5m", duration(&c.StuckAfter, time.Second, day),
			"When a lead event has been in hand for so long, the service says that it is not ready."},
	}
}

func httpSettings(h *HTTP) []setting {
	return []setting{
		{"http.allow_http", "false", truth(&h.AllowHTTP),
			"Allow webhooks without TLS: leads and tokens can then be read on the way."},
		{"http.allow_cidrs", "", prefixes(&h.AllowCIDRs),
			"Networks that may be called although they are not public, such as that of a CRM of one's own."},
		{"http.allow_ports", "80, 443", ports(&h.AllowPorts),
			"Ports that may be called. 80 and 443 always may."},
		{"http.timeout", "15s", duration(&h.Timeout, 100*ms, 10*time.Minute),
			"How long an attempt may take, from looking up the name to the end of the answer."},
		{"http.connect_timeout", "5s", duration(&h.ConnectTimeout, 10*ms, time.Minute),
			"How long connecting may take, and again the TLS handshake; at most http.timeout."},
		{"http.max_in_flight", "512", number(&h.MaxInFlight, 1, 100_000),
			"Attempts at the same time, over all webhooks."},
		{"http.proxy", "", proxy(&h.Proxy),
			"Proxy for all attempts; empty: none, whatever the environment says. It looks up the names," +
				" so that it, not leadhook, must refuse those of private addresses."},
		{"http.ca_file", "", path(&h.CAFile),
			"PEM file of certificates to trust beside the system's, such as those of a CRM of one's own."},
	}
}

func retrySettings(r *Retry) []setting {
	return []setting{
		{"retry.quick_attempts", "3", number(&r.QuickAttempts, 1, 10),
			"Attempts in quick succession, the first one counted."},
		{"retry.quick_wait", "500ms", duration(&r.QuickWait, ms, 5*time.Second),
			"The wait before the second attempt; it doubles before each further one, and varies." +
				" All waits together: 10s at most."},

		{"retry.delays", "10s, 1m, 5m, 30m, 2h, 12h", delays(&r.Delays),
			"How long the records of each retry topic wait, ascending. There is a topic for each, such as leads.retry.10s;" +
				" a wait that none fits goes through several."},
		{"retry.schedule", "10s, 1m, 5m, 30m, 2h, 6h, 12h, 24h, 24h", schedule(&r.Schedule),
			"The waits after the first failed attempt, the second and so on, none shorter than the one before." +
				" When the attempt after the last one fails, the delivery is a dead letter."},
		{"retry.expire", "72h", duration(&r.Expire, time.Second, 30*day),
			"How long a delivery is tried at all, from its first attempt or deferral on. Then it is a dead letter."},
	}
}
