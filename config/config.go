package config

import (
	"net/netip"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/seal"
)

// Config has the checked settings. Each field is named after its key:
// HTTP.MaxInFlight is http.max_in_flight. docs/settings.md lists the defaults,
// and [Default] returns them. A value that must not be shown is a [lead.Secret].
type Config struct {
	Memory   int // bytes; of the process. Other settings follow from it; see also [Config.HeapLimit]
	Kafka    Kafka
	Topics   Topics
	Redis    Redis
	Ledger   Ledger
	Webhooks Webhooks
	Secrets  Secrets
	Consumer Consumer
	HTTP     HTTP
	Retry    Retry
	ADF      ADF
	Admin    Admin
	Log      Log
	Dev      Dev
}

// Kafka configures the connections to Kafka and the consumer group.
type Kafka struct {
	Brokers  []string // host:port; at least one, which names the other brokers of the cluster
	Topic    string   // the live topic; the names of the others begin with it
	Group    string   // the consumer group
	ClientID string   // the name of this client in the brokers' logs

	TLS  TLS
	SASL SASL

	SessionTimeout    time.Duration // a member without a heartbeat for so long loses its partitions
	RebalanceTimeout  time.Duration // how long the group waits for its members to rejoin
	HeartbeatInterval time.Duration // at most a third of SessionTimeout

	Start string // where to begin with a partition of which nothing is known: earliest, latest, a time (RFC 3339), or empty

	FetchMaxBytes  int           // bytes; of a fetch request, which is for all partitions that a broker leads
	CommitInterval time.Duration // how often the settled prefix is committed
	MaxEventBytes  int           // bytes; a larger event becomes a dead letter

	// MaxUnpackedBytes bounds what is unpacked at once. A record that is larger becomes
	// a dead letter without its bytes.
	MaxUnpackedBytes int

	Timeout time.Duration // of a single request, and of a command until Kafka answers
}

// The mechanisms of [SASL].
const (
	SASLNone        = "none"
	SASLPlain       = "plain"
	SASLScramSHA256 = "scram-sha-256"
	SASLScramSHA512 = "scram-sha-512"
)

// SASL configures the authentication with Kafka.
type SASL struct {
	Mechanism string // one of the constants; with SASLNone the other fields are empty
	Username  string
	Password  lead.Secret // from password or password_file
}

// Topics has the properties with which topics are created and checked.
type Topics struct {
	Partitions          int           // of every topic
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

// Redis configures the connections to Redis, and the cache of what is in it.
//
// Addrs, DB, TLS.Enabled and Username are parts of the setting redis.url, and so
// is Password if it is not set by itself.
type Redis struct {
	Mode     string   // one of the constants
	Addrs    []string // host:port of the server, the Sentinels or some Cluster nodes; at least one
	DB       int      // zero in a Cluster
	Username string   // empty: the default user
	Password lead.Secret

	SentinelMaster   string // the Sentinels' name of the primary; empty without Sentinel
	SentinelUsername string // for the Sentinels themselves; may be empty
	SentinelPassword lead.Secret

	TLS TLS // for the Sentinels too

	Prefix string // what all keys begin with

	Timeout    time.Duration // to connect, and of a single command
	PoolSize   int           // connections to each server; zero: the client's default, 10 for each CPU
	CacheBytes int           // bytes; of cached webhooks

	LedgerPending int // marks of the ledger kept in memory while Redis does not accept them
}

// Ledger configures what is remembered of deliveries, in Redis.
type Ledger struct {
	Retention time.Duration // of the progress of deliveries that did not have to wait
}

// Webhooks limits what may be seeded.
type Webhooks struct {
	PerAdvertiser int // webhooks that an advertiser may have
}

// Secrets configures how the secrets of webhooks are given, and kept from the eyes and
// hands of whoever can reach what they are stored in.
type Secrets struct {
	Keys      []seal.Key // from keys or keys_file; the first seals, all open. May be empty
	Plain     bool       // secrets may be stored in clear, and what is not sealed is used although there are keys
	EnvPrefix string     // what the names of the environment variables begin with that a seed file may refer to; not empty
}

// Consumer limits what one instance handles at once, over all its partitions.
type Consumer struct {
	OpenBytes  int           // bytes of events that are being handled
	OpenEvents int           // events that are being handled
	StuckAfter time.Duration // an event open for longer makes the service not ready
}

// HTTP configures the POSTs of leads.
type HTTP struct {
	AllowHTTP  bool           // if false, only https
	AllowCIDRs []netip.Prefix // networks that may be called although they are not public
	DenyCIDRs  []netip.Prefix // networks that must not be called although they are public; wins over AllowCIDRs
	AllowPorts []int          // ports that may be called in addition to 80 and 443

	Timeout        time.Duration // of a whole attempt
	ConnectTimeout time.Duration // at most Timeout
	MaxInFlight    int           // concurrent attempts

	ShareConnections string // ShareHost or ShareAdvertiser

	HostLimits map[string]HostLimit // by host:port in lower case, the port always given; may be empty

	Proxy  lead.Secret // a URL, maybe with a password; empty for no proxy. See [HTTP.ProxyURL]
	CAFile string      // PEM; trusted in addition to the system's; may be empty. See [HTTP.RootCAs]
}

// What may be [HTTP.ShareConnections]: whose leads go over the same connection.
const (
	ShareHost       = "host"       // all that are for the host
	ShareAdvertiser = "advertiser" // those of one advertiser
)

// Retry configures when a failed delivery is attempted again: within seconds in
// the process, and then after the waits of the schedule, which it spends in
// Kafka.
type Retry struct {
	QuickAttempts int           // including the first; 1: no quick retry
	QuickWait     time.Duration // before the second attempt, with jitter; it doubles before each further one

	Delays   []time.Duration // of the retry topics, ascending; at least one
	Schedule []time.Duration // the waits after the first, second, … failed attempt; at least one
	Expire   time.Duration   // how long a delivery is attempted, from its first attempt or deferral
}

// ADF configures what ADF documents say about their sender.
type ADF struct {
	Provider string // the "lead source", unless the webhook names its own
}

// Admin configures the listener for health, readiness and metrics.
type Admin struct {
	Listen string // host:port; empty for no listener
	PProf  bool   // whether it serves Go's profiles too
}

// Log configures the log.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // json or console
}

// Dev configures leadhook dev, and nothing else.
type Dev struct {
	KafkaListen string // host:port of the embedded broker
	RedisListen string // host:port of the embedded Redis
	CRMListen   string // host:port of the sample CRM
	Data        string // directory of the embedded broker's data; empty: in memory, lost at the end
}
