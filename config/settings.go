package config

import (
	"strings"
	"time"
)

// A setting is one line of the table: a key with its value and its texts.
type setting struct {
	key     string // its path in the file
	def     string // the default, as it would be written
	value   value
	meaning string // for documentation
}

// variable returns the name of the environment variable that overrides the file.
func (s setting) variable() string {
	return prefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

const prefix = "LEADHOOK_"

// A section has the settings whose keys begin with its name.
type section struct {
	name     string
	meaning  string
	settings []setting
}

// sections returns the table for the fields of c, in the order in which settings
// are shown and set. A later setting sees what an earlier one has set: a secret that
// can be given in several ways, or the memory that other settings follow from.
func sections(c *Config) []section {
	return []section{
		{"memory", "How much memory one instance may use.", []setting{
			{"memory", "512MiB", size(&c.Memory, leastMemory, mostMemory),
				"What one instance may use, such as the limit of its container. The limit of Go's heap follows from it," +
					" and what is auto: how many attempts and lead events it handles at once."},
		}},
		{"kafka", "Where the leads come from.", kafkaSettings(&c.Kafka)},
		{"topics", "What the command leadhook topics creates and checks.", topicSettings(&c.Topics)},
		{"redis", "Where webhooks are looked up, and the progress of each delivery is stored.", redisSettings(&c.Redis)},
		{"ledger", "What is remembered of deliveries, so that none is made twice.", []setting{
			{"ledger.retention", "72h", duration(&c.Ledger.Retention, time.Minute, 30*day),
				"How long Redis remembers what was delivered at once; what had to wait is remembered for 40 days. A lead that is" +
					" published again later is delivered again. A partition that cannot commit for half of this time is" +
					" read no further. Each 12h take memory, and time of each look-up."},
		}},
		{"webhooks", "What may be seeded.", []setting{
			{"webhooks.per_advertiser", "100", number(&c.Webhooks.PerAdvertiser, 1, 10_000),
				"The most webhooks that an advertiser may have. leadhook seed refuses more; those that are" +
					" stored already go on."},
		}},
		{"secrets", "The secrets of webhooks, and what webhooks are sealed with.", secretSettings(&c.Secrets)},
		{"consumer", "How much one instance handles at once, which bounds its memory.", consumerSettings(&c.Consumer, &c.Memory)},
		{"http", "How leads are POSTed, and to where.", httpSettings(&c.HTTP, &c.Memory)},
		{"retry", "When a failed delivery is attempted again: within seconds in the process, then after waits in Kafka.", retrySettings(&c.Retry)},
		{"adf", "What ADF documents say about their sender.", []setting{
			{"adf.provider", "leadhook", name(&c.ADF.Provider),
				"The lead source that a CRM shows, for webhooks that name none of their own."},
		}},
		{"admin", "Health, readiness and metrics over HTTP.", []setting{
			{"admin.listen", "127.0.0.1:9464", listenOrNot(&c.Admin.Listen),
				"Where to listen; empty: nowhere. There is no authentication:" +
					" let only the monitoring and the orchestrator reach it."},
			{"admin.pprof", "false", boolean(&c.Admin.PProf),
				"Serve Go's profiles too. They show what is in memory, such as leads and tokens."},
		}},
		{"log", "What is written to standard error.", []setting{
			{"log.level", "info", choice(&c.Log.Level, "debug", "info", "warn", "error"),
				"The lowest level that is logged. debug logs a line for each delivery."},
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
				"Directory of the embedded broker's data; empty: in memory, lost at the end."},
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
			"The name of this client in the brokers' logs and quotas."},

		{"kafka.tls.enabled", "false", boolean(&k.TLS.Enabled), "Use TLS to the brokers."},
		{"kafka.tls.ca_file", "", path(&k.TLS.CAFile),
			"PEM file of the certificates to trust instead of the system's."},
		{"kafka.tls.cert_file", "", path(&k.TLS.CertFile),
			"PEM file of the client's certificate, if the brokers require one."},
		{"kafka.tls.key_file", "", path(&k.TLS.KeyFile), "PEM file of the key of the client's certificate."},
		{"kafka.tls.server_name", "", text(&k.TLS.ServerName),
			"The name to expect in the brokers' certificates; empty: the host that is dialled."},

		{"kafka.sasl.mechanism", SASLNone,
			choice(&k.SASL.Mechanism, SASLNone, SASLPlain, SASLScramSHA256, SASLScramSHA512),
			"How to authenticate. plain sends the password in clear: use it with TLS only."},
		{"kafka.sasl.username", "", text(&k.SASL.Username), "The user to authenticate as."},
		{"kafka.sasl.password", "", secret(&k.SASL.Password), "The user's password."},
		{"kafka.sasl.password_file", "", secretFile(&k.SASL.Password),
			"File to read the password from, instead of kafka.sasl.password. A line break at the end is ignored."},

		{"kafka.session_timeout", "10s", duration(&k.SessionTimeout, 500*ms, 10*time.Minute),
			"An instance that sends no heartbeat for so long loses its partitions to the others." +
				" So its leads wait for so long after an instance has died."},
		{"kafka.rebalance_timeout", "10s", duration(&k.RebalanceTimeout, 500*ms, 10*time.Minute),
			"How long the group waits for its members when one joins or leaves."},
		{"kafka.heartbeat_interval", "500ms", duration(&k.HeartbeatInterval, 50*ms, time.Minute),
			"How often an instance sends a heartbeat; at most a third of kafka.session_timeout."},

		{"kafka.start", "", start(&k.Start),
			"Where to begin with a partition if leads were delivered before and nobody knows how far it was read: the" +
				" group has committed nothing, and Redis has forgotten. Empty: it is not read until this is set."},

		{"kafka.fetch_max_bytes", "1MiB", size(&k.FetchMaxBytes, 16*kib, 64*mib),
			"The most bytes of one fetch request, which is for all partitions that a broker leads."},
		{"kafka.commit_interval", "250ms", duration(&k.CommitInterval, 10*ms, time.Minute),
			"How often offsets are committed. After a crash, leads handled since the last commit are read again."},
		{"kafka.max_event_bytes", "1MiB", size(&k.MaxEventBytes, kib, 16*mib),
			"A larger lead event goes to the dead-letter topic."},
		{"kafka.max_unpacked_bytes", auto, from("kafka.max_event_bytes", &k.MaxEventBytes, unpackedFor,
			size(&k.MaxUnpackedBytes, 128*kib, 256*mib)),
			"A record that is larger when it is unpacked goes to the dead-letter topic without its bytes, and no more than" +
				" this is unpacked at once. auto: four times kafka.max_event_bytes, and 1MiB at least."},
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
			"How long the live topic keeps leads: the longest time that leadhook may be down without losing one."},
		{"topics.dead_letter_retention", "30d", duration(&t.DeadLetterRetention, hour, 3650*day),
			"How long dead letters are kept. Beyond 40 days the ledger may no longer know what became of one, and" +
				" replaying it needs --beyond-ledger."},
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

		{"redis.sentinel_master", "", text(&r.SentinelMaster), "The Sentinels' name of the primary."},
		{"redis.sentinel_username", "", text(&r.SentinelUsername), "The user of the Sentinels themselves."},
		{"redis.sentinel_password", "", secret(&r.SentinelPassword), "The password of the Sentinels themselves."},
		{"redis.sentinel_password_file", "", secretFile(&r.SentinelPassword),
			"File to read that password from. A line break at the end is ignored."},

		{"redis.tls.ca_file", "", path(&r.TLS.CAFile),
			"PEM file of the certificates to trust instead of the system's."},
		{"redis.tls.cert_file", "", path(&r.TLS.CertFile),
			"PEM file of the client's certificate, if Redis requires one."},
		{"redis.tls.key_file", "", path(&r.TLS.KeyFile), "PEM file of the key of the client's certificate."},
		{"redis.tls.server_name", "", text(&r.TLS.ServerName),
			"The name to expect in Redis's certificate; empty: the host that is dialled."},

		{"redis.prefix", "leadhook", keyPrefix(&r.Prefix),
			"What all keys in Redis begin with. Services that share a Redis need one each."},

		{"redis.timeout", "2s", duration(&r.Timeout, 10*ms, time.Minute),
			"How long connecting and a single command may take."},
		{"redis.pool_size", "0", number(&r.PoolSize, 0, 10000),
			"The most connections to each server; 0: ten for each CPU."},
		{"redis.cache_bytes", "32MiB", memory(&r.CacheBytes, mib),
			"Memory for cached webhooks, including entries for advertisers that have none."},
		{"redis.ledger_pending", "100000", number(&r.LedgerPending, 1000, 100_000_000),
			"For how many deliveries the progress is kept in memory, 200 bytes each, while Redis does not accept it." +
				" Beyond that the oldest is discarded, and that lead may be delivered again."},
	}
}

func secretSettings(s *Secrets) []setting {
	return []setting{
		{"secrets.keys", "", sealingKeys(&s.Keys),
			"What webhooks are sealed with in Kafka and Redis: the first key seals, all open, so that keys can be replaced one" +
				" after the other. leadhook secrets new-key makes one."},
		{"secrets.keys_file", "", sealingKeysFile(&s.Keys),
			"File to read the keys from, instead of secrets.keys: one a line, in the same order." +
				" Empty lines are ignored, and so is what follows a #."},
		{"secrets.plain", "false", boolean(&s.Plain),
			"Without keys: webhooks with secrets may be stored, in clear. With keys: what is not sealed is used too, whoever wrote it."},
		{"secrets.env_prefix", "WEBHOOK_", envPrefix(&s.EnvPrefix),
			"What the names of environment variables begin with that a seed file may refer to as ${NAME}. The" +
				" process has others, such as the keys of a cloud, which no advertiser's CRM should get."},
	}
}

func consumerSettings(c *Consumer, mem *int) []setting {
	return []setting{
		{"consumer.open_bytes", auto, fromMemory(mem, openBytesIn, memory(&c.OpenBytes, mib)),
			"Bytes of lead events that are being handled, over all partitions. At the limit, fetching" +
				" pauses, with at most three more events of each partition in memory." +
				" auto: an eighth of memory; 64MiB with 512MiB."},
		{"consumer.open_events", auto, fromMemory(mem, openEventsIn, number(&c.OpenEvents, 1, 10_000_000)),
			"Lead events that are being handled, over all partitions, each counted once for every webhook that it still goes to. At the limit, fetching pauses." +
				" auto: four for each attempt that memory has room for; 16384 with 512MiB."},
		{"consumer.stuck_after", "5m", duration(&c.StuckAfter, time.Second, day),
			"If a lead event is not settled within this time, the service reports that it is not ready."},
	}
}

func httpSettings(h *HTTP, mem *int) []setting {
	return []setting{
		{"http.allow_http", "false", boolean(&h.AllowHTTP),
			"Allow webhooks without TLS: leads and tokens can then be read in transit."},
		{"http.allow_cidrs", "", prefixes(&h.AllowCIDRs),
			"Networks that may be called although they are not public, such as that of your own CRM."},
		{"http.deny_cidrs", "", prefixes(&h.DenyCIDRs),
			"Networks that must not be called although they are public, such as your own public addresses, at which your" +
				" own servers may trust you. They win over http.allow_cidrs."},
		{"http.allow_ports", "80, 443", ports(&h.AllowPorts),
			"Ports that may be called. 80 and 443 always may."},
		{"http.timeout", "15s", duration(&h.Timeout, 100*ms, 10*time.Minute),
			"How long an attempt may take, from looking up the name to the end of the answer."},
		{"http.connect_timeout", "5s", duration(&h.ConnectTimeout, 10*ms, time.Minute),
			"How long connecting may take, and again the TLS handshake; at most http.timeout."},
		{"http.max_in_flight", auto, fromMemory(mem, attemptsIn, number(&h.MaxInFlight, 1, mostInFlight)),
			"The most concurrent attempts, over all webhooks." +
				" auto: what a quarter of memory has room for, with 32KiB for each; 4096 with 512MiB."},
		{"http.host_limits", "", hostLimits(&h.HostLimits),
			"What hosts take from one instance, where it is known: concurrent attempts, requests a second, or both," +
				" such as crm.example.com=20/10, crm.example.com=20 or crm.example.com=/0.5. A port other than 443 belongs to the" +
				" host. Divide what a provider allows by the number of instances."},
		{"http.share_connections", ShareHost, choice(&h.ShareConnections, ShareHost, ShareAdvertiser),
			"Whose leads may go over the same connection: host: all that are for the host; advertiser: those of one advertiser," +
				" so that a host that mixes up answers does so within an advertiser. HTTP/2 is then not spoken, each attempt through" +
				" http.proxy gets a connection of its own, and there are more handshakes."},
		{"http.proxy", "", proxy(&h.Proxy),
			"Proxy for all attempts; empty: none, whatever the environment says. It resolves the host" +
				" names, so that it, not leadhook, must refuse private addresses."},
		{"http.ca_file", "", path(&h.CAFile),
			"PEM file of certificates to trust in addition to the system's, such as those of your own CRM."},
	}
}

func retrySettings(r *Retry) []setting {
	return []setting{
		{"retry.quick_attempts", "3", number(&r.QuickAttempts, 1, 10),
			"Attempts in quick succession, including the first."},
		{"retry.quick_wait", "500ms", duration(&r.QuickWait, ms, 5*time.Second),
			"The wait before the second attempt; it doubles before each further one, with jitter." +
				" All waits together: at most 10s."},

		{"retry.delays", "10s, 1m, 5m, 30m, 2h, 12h", delays(&r.Delays),
			"How long the records of each retry topic wait, ascending. There is a topic for each, such as leads.retry.10s;" +
				" a wait for which there is no topic goes through several."},
		{"retry.schedule", "10s, 1m, 5m, 30m, 2h, 6h, 12h, 24h, 24h", schedule(&r.Schedule),
			"The waits after the first failed attempt, the second and so on, none shorter than the one before." +
				" When the attempt after the last wait fails, the delivery becomes a dead letter."},
		{"retry.expire", "72h", duration(&r.Expire, time.Second, 30*day),
			"How long a delivery is attempted, from its first attempt or deferral. After that it becomes a dead letter."},
	}
}
