package realstack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// KafkaClusterOptions configure the brokers of a cluster.
type KafkaClusterOptions struct {
	// Proxies is empty, or has host:port of a proxy for each broker; see
	// [KafkaOptions].Proxy.
	Proxies []string

	// Config has further properties of each broker, which override the defaults here.
	Config map[string]string
}

// KafkaCluster is three nodes of Apache Kafka, each both broker and controller, with
// little memory. A topic has three replicas unless its creator says otherwise, of which
// two must have a record.
type KafkaCluster struct {
	nodes  []*Kafka
	client *kafka.Client
}

const kafkaNodes = 3

// StartKafkaCluster starts three nodes, which takes some ten seconds. It returns when all
// of them know each other. [LibsVariable] names the directory with the jars.
func StartKafkaCluster(ctx context.Context, opts KafkaClusterOptions) (*KafkaCluster, error) {
	c := &KafkaCluster{}
	if err := c.start(ctx, opts); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *KafkaCluster) start(ctx context.Context, opts KafkaClusterOptions) error {
	libs, err := kafkaLibs()
	if err != nil {
		return err
	}
	var voters []string
	for n := range kafkaNodes {
		k, err := newKafka(n+1, libs, "-Xmx256m")
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, k)
		voters = append(voters, k.voter())
	}
	c.client = &kafka.Client{Addr: kafka.TCP(c.Addrs()...), Transport: &kafka.Transport{MetadataTTL: 200 * time.Millisecond}, Timeout: 5 * time.Second}
	config := replicated()
	maps.Copy(config, opts.Config)
	err = c.each(func(n int, k *Kafka) error {
		one := KafkaOptions{Config: config}
		if len(opts.Proxies) > 0 {
			one.Proxy = opts.Proxies[n]
		}
		if err := k.format(ctx, libs, one, strings.Join(voters, ",")); err != nil {
			return err
		}
		return k.start(ctx)
	})
	if err != nil {
		return err
	}
	return c.each(func(_ int, k *Kafka) error {
		k.ready = k.joined
		return k.awaitReady(ctx)
	})
}

// replicated is what a node of several has otherwise than one alone.
func replicated() map[string]string {
	return map[string]string{
		"default.replication.factor":                       "3",
		"min.insync.replicas":                              "2",
		"offsets.topic.replication.factor":                 "3",
		"transaction.state.log.replication.factor":         "3",
		"transaction.state.log.min.isr":                    "2",
		"share.coordinator.state.topic.replication.factor": "3",
		"share.coordinator.state.topic.min.isr":            "2",
		"replica.lag.time.max.ms":                          "5000",
		"leader.imbalance.check.interval.seconds":          "2", // leaders move back as soon as a broker is back
		"leader.imbalance.per.broker.percentage":           "0",
		"log.cleaner.dedupe.buffer.size":                   "4194304", // half of the heap by default
	}
}

// each calls a function for all nodes at once.
func (c *KafkaCluster) each(does func(n int, k *Kafka) error) error {
	errs := make([]error, len(c.nodes))
	var all sync.WaitGroup
	for n, k := range c.nodes {
		all.Go(func() { errs[n] = does(n, k) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// joined returns nil when the node has caught up: each replica that it has is in sync.
func (k *Kafka) joined(ctx context.Context) error {
	meta, err := k.metadata(ctx)
	if err != nil {
		return err
	}
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			if k.among(p.Replicas) && !k.among(p.Isr) {
				return fmt.Errorf("its replica of %s/%d is not in sync", t.Name, p.ID)
			}
		}
	}
	return nil
}

// Revive is Restart that returns as soon as the node answers, although what it has may
// not be in sync yet.
func (k *Kafka) Revive(ctx context.Context) error {
	joined := k.ready
	k.ready = k.registered
	defer func() { k.ready = joined }()
	return k.Restart(ctx)
}

// Balanced reports whether every replica is in sync and the first of each partition leads it.
func (c *KafkaCluster) Balanced(ctx context.Context) bool {
	meta, err := c.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil || len(meta.Brokers) != len(c.nodes) {
		return false
	}
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			if len(p.Isr) != len(p.Replicas) || len(p.Replicas) == 0 || p.Leader.ID != p.Replicas[0].ID {
				return false
			}
		}
	}
	return true
}

// Nodes returns the three brokers. Each can be killed, stopped and restarted by itself;
// Restart returns when what it has is in sync again.
func (c *KafkaCluster) Nodes() []*Kafka { return c.nodes }

// Addrs returns the host:port of the plain listener of each broker.
func (c *KafkaCluster) Addrs() []string {
	var addrs []string
	for _, k := range c.nodes {
		addrs = append(addrs, k.addr)
	}
	return addrs
}

// Leader returns the broker that leads a partition.
func (c *KafkaCluster) Leader(ctx context.Context, topic string, partition int) (*Kafka, error) {
	p, err := c.partition(ctx, topic, partition)
	switch {
	case err != nil:
		return nil, err
	case p.Error != nil:
		return nil, fmt.Errorf("%s/%d has no leader", topic, partition)
	}
	return c.node(p.Leader.ID)
}

// partition returns what the brokers say of a partition.
func (c *KafkaCluster) partition(ctx context.Context, topic string, number int) (kafka.Partition, error) {
	meta, err := c.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return kafka.Partition{}, err
	}
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			if p.ID == number {
				return p, nil
			}
		}
	}
	return kafka.Partition{}, fmt.Errorf("there is no %s/%d", topic, number)
}

// Coordinator returns the broker that coordinates a consumer group.
func (c *KafkaCluster) Coordinator(ctx context.Context, group string) (*Kafka, error) {
	found, err := c.client.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: group, KeyType: kafka.CoordinatorKeyTypeConsumer})
	if err == nil {
		err = found.Error
	}
	if err != nil {
		return nil, fmt.Errorf("who coordinates %s: %w", group, err)
	}
	return c.node(found.Coordinator.NodeID)
}

func (c *KafkaCluster) node(id int) (*Kafka, error) {
	for _, k := range c.nodes {
		if k.id == id {
			return k, nil
		}
	}
	return nil, fmt.Errorf("there is no broker %d", id)
}

// Place has a partition on these brokers alone, and returns when it is. The first leads it.
func (c *KafkaCluster) Place(ctx context.Context, topic string, partition int, on ...*Kafka) error {
	var ids []int
	for _, k := range on {
		ids = append(ids, k.id)
	}
	res, err := c.client.AlterPartitionReassignments(ctx, &kafka.AlterPartitionReassignmentsRequest{
		Topic: topic, Timeout: 5 * time.Second,
		Assignments: []kafka.AlterPartitionReassignmentsRequestAssignment{{PartitionID: partition, BrokerIDs: ids}},
	})
	if err == nil {
		err = res.Error
		for _, one := range res.PartitionResults {
			err = errors.Join(err, one.Error)
		}
	}
	if err != nil {
		return fmt.Errorf("place %s/%d: %w", topic, partition, err)
	}
	return c.awaitPlaced(ctx, topic, partition, ids)
}

func (c *KafkaCluster) awaitPlaced(ctx context.Context, topic string, partition int, ids []int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("%s/%d is not where it should be after %v", topic, partition, startTimeout))
	defer cancel()
	for {
		p, err := c.partition(ctx, topic, partition)
		if err == nil && len(p.Replicas) == len(ids) && len(p.Isr) == len(ids) && p.Leader.ID == ids[0] {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close ends all nodes and removes their directories.
func (c *KafkaCluster) Close() error {
	if c.client != nil {
		c.client.Transport.(*kafka.Transport).CloseIdleConnections()
	}
	return c.each(func(_ int, k *Kafka) error { return k.Close() })
}
