package rediswatch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// shards is how many hash tags the service's keys have: {0}, {1} and so on.
const shards = 64

// A node is a Redis that has keys of the service.
type node struct {
	name    string
	client  redis.UniversalClient
	probe   string // a key that lies on this node
	cluster bool   // it is part of one, and may have passed its keys on
}

// A view is what was seen of a node.
type view struct {
	node   string
	found  findings
	hidden error // what it does not show, and why
	err    error // it did not answer: nothing is known
}

// errMoved is the error of a node that the Cluster no longer uses for its keys.
var errMoved = errors.New("the Cluster has changed")

// nodes returns all nodes that have keys of the service: of a Cluster, the primaries of
// its slots, as far as the client knows.
func (w *Watch) nodes(ctx context.Context) ([]node, error) {
	cluster, ok := w.rdb.(*redis.ClusterClient)
	if !ok {
		return []node{{name: w.opts.Node, client: w.rdb, probe: w.probeKey(0)}}, nil
	}
	var all []node
	known := make(map[string]bool)
	for n := range shards {
		client, err := cluster.MasterForKey(ctx, w.probeKey(n))
		if err != nil {
			return all, err
		}
		if addr := client.Options().Addr; !known[addr] {
			known[addr] = true
			all = append(all, node{name: addr, client: client, probe: w.probeKey(n), cluster: true})
		}
	}
	return all, nil
}

func (w *Watch) probeKey(shard int) string {
	return w.opts.Prefix + ":{" + strconv.Itoa(shard) + "}:probe"
}

// lookAtNodes looks at all nodes at the same time. The error means that not all nodes
// are known.
func (w *Watch) lookAtNodes(ctx context.Context) ([]view, error) {
	nodes, err := w.nodes(ctx)
	views := make([]view, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		before := w.before(n.name)
		wg.Go(func() { views[i] = n.look(ctx, before, w.opts.Compare) })
	}
	wg.Wait()
	for _, v := range views {
		if cluster, ok := w.rdb.(*redis.ClusterClient); ok && errors.Is(v.err, errMoved) {
			cluster.ReloadState(ctx)
		}
		if v.hidden != nil && !w.told {
			w.told = true
			w.log.Info("Redis does not tell all about itself; that is accepted", zap.String("node", v.node), zap.Error(v.hidden))
		}
	}
	return views, err
}

func (w *Watch) before(name string) findings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.found[name]
}

// look returns what is seen of the node. What was found before decides where a limit
// has a margin.
func (n node) look(ctx context.Context, before findings, compare func(theirs, asked, answered time.Time)) view {
	v := view{node: n.name, found: findings{}}
	var info *redis.StringCmd
	var save *redis.MapStringStringCmd
	var clock *redis.TimeCmd
	asked := time.Now()
	_, _ = n.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		info, save, clock = p.Info(ctx), p.ConfigGet(ctx, "save"), p.Time(ctx)
		return nil
	}) // each has an error of its own
	if v.err = info.Err(); v.err != nil && !isForbidden(v.err) {
		return v
	}
	v.hidden, v.err = v.err, nil
	about := parse(info.Val())
	if theirs, err := clock.Result(); err == nil {
		compare(theirs, asked, time.Now())
	}
	if n.cluster && about["role"] == "slave" {
		v.err = errMoved
		return v
	}
	about.addTo(v.found, before)
	if about["aof_enabled"] == "0" {
		if save.Err() != nil {
			v.hidden = fmt.Errorf("whether it saves snapshots: %w", save.Err())
		} else {
			addSnapshots(v.found, save.Val()["save"])
		}
	}
	n.tryToWrite(ctx, &v)
	return v
}

// tryToWrite writes a key that means nothing and expires. So whatever makes the node
// refuse writes is seen: its role, its memory, its disk, or too few replicas.
func (n node) tryToWrite(ctx context.Context, v *view) {
	err := n.client.Set(ctx, n.probe, 1, time.Minute).Err()
	_, moved := redis.IsMovedError(err)
	_, asks := redis.IsAskError(err)
	switch {
	case err == nil:
	case n.cluster && (moved || asks):
		v.err = errMoved
	case isForbidden(err):
		v.hidden = errors.Join(v.hidden, err)
	case ctx.Err() != nil:
		v.found[writes] = "it does not take writes: " + context.Cause(ctx).Error()
	case isAnswer(err):
		v.found[writes] = "it does not take writes: " + err.Error()
	default:
		v.err = err
	}
}

// isAnswer reports whether an error is one that Redis returned.
func isAnswer(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

// isForbidden reports whether the node does not permit a command, or lacks it: some
// that are managed have no CONFIG.
func isForbidden(err error) bool {
	return isAnswer(err) && (redis.IsPermissionError(err) || strings.HasPrefix(err.Error(), "ERR unknown command"))
}
