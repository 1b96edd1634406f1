package devstack

import (
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/leadhook/leadhook/internal/listen"
)

// KafkaOptions configure the embedded broker.
type KafkaOptions struct {
	// Listen is host:port. If it is empty, the broker listens on a free port of
	// 127.0.0.1. It advertises this host to its clients, or 127.0.0.1 if the host
	// is empty or stands for all addresses (":9092", "0.0.0.0:9092").
	Listen string

	// DataDir keeps topics, records and the groups' offsets over restarts. It is
	// created if it does not exist, and must be used by one broker at a time. If
	// it is empty, everything is in memory and lost at the end.
	DataDir string

	// Topics to create unless they exist, with their numbers of partitions. Other
	// topics must be created by the clients; the broker never creates one because
	// it is used.
	Topics map[string]int
}

// Kafka is an embedded broker: a cluster of one node that speaks Kafka's protocol
// well enough for kcat, kafka-go and the Java clients. It has no replication and
// no retention.
type Kafka struct {
	cluster *kfake.Cluster
	addr    string
}

// StartKafka starts a broker, which serves when StartKafka returns. If the port is in
// use, the error names the address and the setting dev.kafka_listen.
func StartKafka(opts KafkaOptions) (*Kafka, error) {
	addr := listen.Addr(opts.Listen)
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, listen.Refused("embedded Kafka", "dev.kafka_listen", addr, err)
	}
	k := &Kafka{addr: listen.Bound(addr, ln.Addr().String())}
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

// Addr returns the host:port at which clients find the broker.
func (k *Kafka) Addr() string { return k.addr }

// Close writes what is left to write to DataDir, and ends the broker and its
// connections. It may be called twice.
func (k *Kafka) Close() { k.cluster.Close() }

// A listener has the address that the broker advertises to its clients, since they
// may not be able to dial the one on which it listens.
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
