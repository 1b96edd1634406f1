package config

import (
	"net/netip"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// Config is the settings, checked and ready to use. Each field is named after
// its key (HTTP.MaxInFlight is http.max_in_flight). The defaults stand in
// docs/settings.md; [Default] has them as values. What must not be shown is a
// [lead.Secret].
type Config struct {
	Kafka    Kafka
	Topics   Topics
	Redis    Redis
	Consumer Consumer
	HTTP     HTTP
	Retry    Retry
	ADF      ADF
	Admin    Admin
	Log      Log
	Dev      Dev
}

// Kafka is how to reach Kafka, and how to take part in the consumer group.
type Kafka struct {
	Brokers  []string // host:port; at least one, the others of the cluster are learnt from it
	Topic    string   // the live topic; the names of the others begin with it
	Group    string   // the consumer group
	ClientID string   // how the brokers' logs name this client

	TLS  TLS
	SASL SASL

	SessionTimeout    time.Duration // without a heartbeat for so long, a member loses its partitions
	RebalanceTimeout  time.Duration // how long the group waits for its members to join again
	HeartbeatInterval time.Duration // at most a third of SessionTimeout

	FetchMaxBytes  int           // bytes; of one fetch of one partition
	CommitInterval time.Duration // how often the settled prefix is committed
	MaxEventBytes  int           // bytes; a larger event is a dead letter
	Timeout        time.Duration // of a single request, and of the tools until Kafka answers
}

// The mechanisms of [SASL].
const (
	SASLNone        = "none"
	SASLPlain       = "plain"
	SASLScramSHA256 = "scram-sha-256"
	SASLScramSHA512 = "scram-sha-512"
)

// SASL is how to authenticate with Kafka.
type SASL struct {
	Mechanism string // one of the constants; with SASLNone the rest is empty
	Username  string
	Password  lead.Secret // from password or password_file
}

// Topics is what topics are created with, and checked against.
type Topics struct {
	Partitions          int           // of every topic alike
	ReplicationFactor   int           // zero: the broker's default
	MinInSyncReplicas   int           // zero: the broker's default
	Retention           time.Duration // of the live topic
	DeadLetterRetention time.Duration // of the dead-letter topic
}

// The modes of [Redis].
const (
	RedisSingle   = "single"
	RedisSentinel = "sentinel"
	RedisCluster  = "cluster"
)

// Redis is how to reach Redis, and how long to rely on what is cached of it.
//
// Its URL is already taken apart: Addrs, DB, TLS.Enabled, Username and, unless
// it is a setting of its own, Password come from it.
type Redis struct {
	Mode     string   // one of the constants
	Addrs    []string // host:port; of the server, the Sentinels or some Cluster nodes. At least one
	DB       int      // zero in a Cluster
	Username string   // empty: the default user
	Password lead.Secret

	SentinelMaster   string // the name that the Sentinels know the primary by; empty without Sentinel
	SentinelUsername string // for the Sentinels themselves; empty: none
	SentinelPassword lead.Secret

	TLS TLS // also for Sentinels

	Timeout    time.Duration // to connect, and of a single command
	PoolSize   int           // connections to each server; zero: the client's default, 10 for each CPU
	CacheTTL   time.Duration // how long a cached look-up is fresh, should its announcement get lost
	CacheBytes int           // bytes; of cached webhooks
	Grace      time.Duration // how long cached webhooks are still served while Redis is away

	LedgerPending int // marks of the ledger that are kept in memory while Redis does not take them
}

// Consumer is what one instance holds at once, over all its partitions.
type Consumer struct {
	OpenBytes  int           // bytes of events that are being handled
	OpenEvents int           // events that are being handled
	StuckAfter time.Duration // an event open for longer makes the service not ready
}

// HTTP is how leads are POSTed, and to where.
type HTTP struct {
	AllowHTTP  bool           // false: https only
	AllowCIDRs []netip.Prefix // may be called although they are not public; nil: none
	AllowPorts []int          // may be called beside 80 and 443

	Timeout        time.Duration // of a whole attempt
	ConnectTimeout time.Duration // at most Timeout
	MaxInFlight    int           // attempts at the same time

	Proxy  lead.Secret // a URL, which may hold a password; empty: none. See [HTTP.ProxyURL]
	CAFile string      // PEM; trusted beside the system's. Empty: none. See [HTTP.RootCAs]
}

// Retry is when a delivery that failed is tried again: within seconds in the
// process, and then after the waits of the schedule, which it spends in Kafka.
type Retry struct {
	QuickAttempts int           // the first one counted; 1: no quick retry
	QuickWait     time.Duration // before the second attempt, about; then twice as long each

	Delays   []time.Duration // of the retry topics, ascending; at least one
	Schedule []time.Duration // the waits after the failed attempts, in their order; at least one
	Expire   time.Duration   // how long a delivery is tried, from its first attempt or deferral on
}

// ADF is what ADF documents say of their sender.
type ADF struct {
	Provider string // the "lead source", unless the webhook names its own
}

// Admin is the listener for health, readiness and metrics.
type Admin struct {
	Listen string // host:port; empty: no listener
	PProf  bool   // also Go's profiles
}

// Log is what is logged, and in which form.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // json or console
}

// Dev is for leadhook dev alone.
type Dev struct {
	KafkaListen string // host:port of the embedded broker
	RedisListen string // host:port of the embedded Redis
	CRMListen   string // host:port of the sample CRM
	Data        string // directory of the embedded broker's data; empty: in memory, gone at the end
}
