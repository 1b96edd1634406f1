package devstack

import (
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
)

// KafkaOptions say where the embedded broker listens and what it has from the
// start.
type KafkaOptions struct {
	// Listen is host:port. Empty: a free port of 127.0.0.1. Clients are told
	// to come to this host, and to 127.0.0.1 if it is none or all of them
	// (":9092", "0.0.0.0:9092").
	Listen string

	// DataDir keeps topics, records and the groups' offsets over restarts; it
	// is made if it does not exist, and belongs to one broker at a time.
	// Empty: everything is in memory, records included, and gone at the end.
	DataDir string

	// Topics, with their numbers of partitions, are created where they do not
	// exist yet; one that exists stays as it is. Topics that are not named
	// are created by whoever needs them: never by mere use.
	Topics map[string]int
}

// Kafka is an embedded broker: a cluster of one node that speaks Kafka's
// protocol well enough for kcat, kafka-go and the Java clients. Replication
// and retention are not its business.
type Kafka struct {
	cluster *kfake.Cluster
	addr    string
}

// StartKafka starts a broker, which serves when it returns. A port that is
// taken is an error that names the address and the setting dev.kafka_listen.
func StartKafka(opts KafkaOptions) (*Kafka, error) {
	listen := listenAddr(opts.Listen)
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, cannotListen("embedded Kafka", "dev.kafka_listen", listen, err)
	}
	k := &Kafka{addr: advertised(listen, ln.Addr().String())}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return listener{ln, k.addr}, nil }),
	}
	if opts.DataDir != "" {
		options = append(options, kfake.DataDir(opts.DataDir))
	}
	if k.cluster, err = kfake.NewCluster(options...); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("embedded Kafka: %w%s", err, hint(opts.DataDir))
	}
	if err := k.create(opts.Topics); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

func (k *Kafka) create(topics map[string]int) error {
	for name, partitions := range topics {
		if k.cluster.TopicInfo(name) != nil {
			continue
		}
		if err := k.cluster.CreateTopic(name, int32(partitions), nil); err != nil {
			return fmt.Errorf("embedded Kafka: create topic %s: %w", name, err)
		}
	}
	return nil
}

// Addr is where clients find the broker, host:port.
func (k *Kafka) Addr() string { return k.addr }

// Close writes what DataDir is to keep and ends the broker and its
// connections. It may be called twice.
func (k *Kafka) Close() { k.cluster.Close() }

// A listener tells the broker what to tell its clients: the address it really
// listens on may be one that nobody can dial.
type listener struct {
	net.Listener
	advertise string
}

func (l listener) Addr() net.Addr { return address(l.advertise) }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

func hint(dataDir string) string {
	if dataDir == "" {
		return ""
	}
	return fmt.Sprintf("; if %s is damaged or of another version, remove it or choose another with dev.data", dataDir)
}
