package realstack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Cluster is a Redis Cluster of three primaries without replicas. Each has a third
// of the slots.
type Cluster struct {
	nodes []*Redis
}

const slots = 16384

// StartCluster starts a cluster, which serves when StartCluster returns. A node that
// is killed and restarted rejoins it, and is empty.
func StartCluster(ctx context.Context) (*Cluster, error) {
	c := &Cluster{}
	err := c.start(ctx)
	if err == nil {
		err = c.join(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	ports, err := freePorts(6)
	if err != nil {
		return err
	}
	for i := range 3 {
		node, err := startRedis(ctx, ports[i], RedisOptions{Args: []string{"--cluster-enabled", "yes",
			"--cluster-port", strconv.Itoa(ports[3+i]), "--cluster-node-timeout", "2000"}})
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, node)
		if err := c.introduce(ctx, i, ports[i], ports[3+i]); err != nil {
			return fmt.Errorf("start Redis Cluster: node %s: %w", node.Addr(), err)
		}
	}
	return nil
}

// introduce assigns node i its slots, and makes it known to the first node.
func (c *Cluster) introduce(ctx context.Context, i, port, busPort int) error {
	node, err := c.nodes[i].client()
	if err != nil {
		return err
	}
	defer node.Close()
	first, err := c.nodes[0].client()
	if err != nil {
		return err
	}
	defer first.Close()
	return errors.Join(
		node.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(), // equal epochs would be a conflict, which takes time to resolve
		node.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", slots*i/3, slots*(i+1)/3-1).Err(),
		first.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", port, busPort).Err(),
	)
}

// join waits until every node knows all nodes and all slots.
func (c *Cluster) join(ctx context.Context) error {
	for _, node := range c.nodes {
		node.ready = node.inCluster
		if err := node.awaitReady(ctx); err != nil {
			return fmt.Errorf("start Redis Cluster: %w; the last lines of a node:\n%s", err, node.Log())
		}
	}
	return nil
}

func (r *Redis) inCluster(ctx context.Context) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	defer client.Close()
	info, err := client.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	for _, want := range []string{"cluster_state:ok", "cluster_known_nodes:3", "cluster_slots_ok:16384"} {
		if !strings.Contains(info, want) {
			return errors.New("its cluster is not yet " + want)
		}
	}
	return nil
}

// ServeInPart has each node serve its slots while another is away. Without it, two nodes
// stop serving when the third is away.
func (c *Cluster) ServeInPart(ctx context.Context) error {
	var errs []error
	for _, node := range c.nodes {
		client, err := node.client()
		if err != nil {
			return err
		}
		errs = append(errs, client.ConfigSet(ctx, "cluster-require-full-coverage", "no").Err(), client.Close())
	}
	return errors.Join(errs...)
}

// Nodes returns the three servers.
func (c *Cluster) Nodes() []*Redis { return c.nodes }

// Addrs returns the host:port of each node.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, node := range c.nodes {
		addrs = append(addrs, node.Addr())
	}
	return addrs
}

// Close ends all nodes.
func (c *Cluster) Close() error {
	var errs []error
	for _, node := range c.nodes {
		errs = append(errs, node.Close())
	}
	return errors.Join(errs...)
}
