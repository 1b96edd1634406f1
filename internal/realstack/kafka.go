package realstack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
)

// The environment variables that name the servers of a test.
const (
	LibsVariable  = "LEADHOOK_TEST_KAFKA_LIBS" // the directory with Kafka's jars
	KafkaVariable = "LEADHOOK_TEST_KAFKA"      // host:port of a running Kafka
	RedisVariable = "LEADHOOK_TEST_REDIS"      // URL of a running Redis, which may be emptied
)

// A Login is a user of a Kafka with SASLSSL.
type Login struct {
	Mechanism string // as Kafka spells it
	Username  string
	Password  string
}

// The logins, one for each mechanism. Each user can use only its own mechanism.
var (
	Plain    = Login{"PLAIN", "plain-user", "plain-word"}
	Scram256 = Login{"SCRAM-SHA-256", "scram256-user", "scram256-word"}
	Scram512 = Login{"SCRAM-SHA-512", "scram512-user", "scram512-word"}
)

// KafkaOptions configure what a Kafka has in addition to its plain listener.
type KafkaOptions struct {
	// SASLSSL opens a second listener, with a TLS certificate for 127.0.0.1 and
	// localhost. Clients must use one of the logins.
	SASLSSL bool

	// Proxy is host:port of a proxy that forwards to ProxiedAddr: a second plain
	// listener, which advertises the proxy's address. May be empty.
	Proxy string

	// Config has further properties, which override the defaults here.
	Config map[string]string
}

// Kafka is one node of Apache Kafka, both broker and controller. It does not create
// topics automatically. Its records are on disk, as durable as they can be without
// replication.
type Kafka struct {
	*server
	id           int
	addr, secure string
	proxied      string // the listener behind a proxy
	controller   string // the listener for the other nodes
}

// StartKafka formats a directory and starts a node in it, which takes some seconds.
// [LibsVariable] names the directory with the jars.
func StartKafka(ctx context.Context, opts KafkaOptions) (*Kafka, error) {
	libs, err := kafkaLibs()
	if err != nil {
		return nil, err
	}
	k, err := newKafka(1, libs, "-Xmx1g")
	if err != nil {
		return nil, err
	}
	err = k.format(ctx, libs, opts, k.voter())
	if err == nil {
		err = k.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// newKafka has a directory and ports for a node with so much heap.
func newKafka(id int, libs, heap string) (*Kafka, error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	dir, err := newDir("kafka")
	if err != nil {
		return nil, err
	}
	k := &Kafka{id: id, addr: loopback(ports[0]), controller: loopback(ports[1]), secure: loopback(ports[2]), proxied: loopback(ports[3])}
	k.server = &server{name: "Kafka", dir: dir, ready: k.registered,
		argv: []string{"java", heap, quickJIT, "-cp", libs, logLevel, "kafka.Kafka", "server.properties"}}
	return k, nil
}

// voter is the node as controller.quorum.voters has it.
func (k *Kafka) voter() string { return fmt.Sprintf("%d@%s", k.id, k.controller) }

// quickJIT has Java compile fast rather than well, which halves the CPU time of a start.
// A node lives for minutes at most.
const quickJIT = "-XX:TieredStopAtLevel=1"

// logLevel has an effect only if slf4j-simple is among the jars; without it, Kafka
// logs nothing.
const logLevel = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

func kafkaLibs() (string, error) {
	dir := os.Getenv(LibsVariable)
	if dir == "" {
		return "", fmt.Errorf("%s is not set: name the directory with the jars of org.apache.kafka:kafka_2.13; .ci/kafka-libs fetches them and prints it", LibsVariable)
	}
	if jars, _ := filepath.Glob(filepath.Join(dir, "kafka_*.jar")); len(jars) == 0 {
		return "", fmt.Errorf("%s: no kafka_*.jar in %s", LibsVariable, dir)
	}
	return filepath.Join(dir, "*"), nil
}

// format writes the node's properties and formats its directory. The voters are all
// nodes, separated by commas.
func (k *Kafka) format(ctx context.Context, libs string, opts KafkaOptions, voters string) error {
	config := k.config(voters)
	if opts.Proxy != "" {
		config["listeners"] += ",PROXIED://" + k.proxied
		config["advertised.listeners"] = "PLAINTEXT://" + k.addr + ",PROXIED://" + opts.Proxy
	}
	format := []string{"-Xmx256m", quickJIT, "-cp", libs, "kafka.tools.StorageTool", "format", "-t", "bGVhZGhvb2stdGVzdC0wMQ", "-c", "server.properties"}
	if opts.SASLSSL {
		if err := writeCerts(k.dir); err != nil {
			return err
		}
		k.secureConfig(config)
		for _, login := range []Login{Scram256, Scram512} {
			format = append(format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", login.Mechanism, login.Username, login.Password))
		}
	}
	maps.Copy(config, opts.Config)
	var lines strings.Builder
	for _, key := range slices.Sorted(maps.Keys(config)) {
		fmt.Fprintf(&lines, "%s=%s\n", key, config[key])
	}
	if err := os.WriteFile(filepath.Join(k.dir, "server.properties"), []byte(lines.String()), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "java", format...) //nolint:gosec // the arguments are ours
	cmd.Dir, cmd.SysProcAttr = k.dir, DiesWithParent()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format Kafka's directory: %w\n%s", err, out)
	}
	return nil
}

func (k *Kafka) config(voters string) map[string]string {
	return map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          strconv.Itoa(k.id),
		"controller.quorum.voters":                         voters,
		"controller.listener.names":                        "CONTROLLER",
		"listeners":                                        "PLAINTEXT://" + k.addr + ",CONTROLLER://" + k.controller,
		"listener.security.protocol.map":                   "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
		"inter.broker.listener.name":                       "PLAINTEXT",
		"log.dirs":                                         filepath.Join(k.dir, "data"),
		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "4", // 50 are for clusters, and slow to load
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
		"log.index.size.max.bytes":                         "65536", // 10 MB, allotted with a partition's first records, cost CPU
		"broker.session.timeout.ms":                        "3000",  // a killed node may come back only when its old session is over
		"broker.heartbeat.interval.ms":                     "500",
		"auto.create.topics.enable":                        "false",
	}
}

func (k *Kafka) secureConfig(config map[string]string) {
	const listener = "listener.name.sasl_ssl."
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	config["listeners"] += ",SASL_SSL://" + k.secure
	if advertised, set := config["advertised.listeners"]; set {
		config["advertised.listeners"] = advertised + ",SASL_SSL://" + k.secure
	}
	config["sasl.enabled.mechanisms"] = strings.Join([]string{Plain.Mechanism, Scram256.Mechanism, Scram512.Mechanism}, ",")
	config[listener+"plain.sasl.jaas.config"] = fmt.Sprintf(
		"org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=\"%s\";", Plain.Username, Plain.Password)
	config[listener+"scram-sha-256.sasl.jaas.config"] = scram
	config[listener+"scram-sha-512.sasl.jaas.config"] = scram
	config[listener+"ssl.keystore.type"] = "PEM"
	config[listener+"ssl.keystore.location"] = filepath.Join(k.dir, bothFile)
}

// registered returns nil when the node answers with metadata that names itself, as
// every client needs first.
func (k *Kafka) registered(ctx context.Context) error {
	_, err := k.metadata(ctx)
	return err
}

// metadata is what the node knows of the cluster, once that includes itself.
func (k *Kafka) metadata(ctx context.Context) (*kafka.MetadataResponse, error) {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(k.addr), Transport: transport}
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err == nil && !k.among(meta.Brokers) {
		err = errors.New("it has not registered itself yet")
	}
	return meta, err
}

func (k *Kafka) among(brokers []kafka.Broker) bool {
	return slices.ContainsFunc(brokers, func(b kafka.Broker) bool { return b.ID == k.id })
}

// Addr returns the host:port of the plain listener.
func (k *Kafka) Addr() string { return k.addr }

// SecureAddr returns the host:port of the SASL_SSL listener, which exists only with
// SASLSSL.
func (k *Kafka) SecureAddr() string { return k.secure }

// ProxiedAddr returns the host:port to which the proxy must forward. The listener
// exists only with KafkaOptions.Proxy.
func (k *Kafka) ProxiedAddr() string { return k.proxied }

// CAFile returns the file with the certificate to trust at SecureAddr.
func (k *Kafka) CAFile() string { return filepath.Join(k.dir, caFile) }
