package ledger

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Watermarks keep in Redis how far the partitions of each topic are settled, in the
// words of whoever settled them. They have no time to live: a group that begins later
// must find them.
type Watermarks struct {
	rdb    redis.UniversalClient
	prefix string
}

// NewWatermarks returns the watermarks beside the ledger with that prefix; empty:
// "leadhook".
func NewWatermarks(rdb redis.UniversalClient, prefix string) *Watermarks {
	return &Watermarks{rdb, cmp.Or(prefix, "leadhook")}
}

func (w *Watermarks) key(topic string) string { return w.prefix + ":watermarks:" + topic }

// Load returns the watermarks of a topic by partition; those of the partitions that
// have one.
func (w *Watermarks) Load(ctx context.Context, topic string) (map[int]string, error) {
	stored, err := w.rdb.HGetAll(ctx, w.key(topic)).Result()
	if err != nil {
		return nil, fmt.Errorf("asking Redis for the watermarks of %s: %w", topic, err)
	}
	marks := make(map[int]string, len(stored))
	for field, mark := range stored {
		if partition, err := strconv.Atoi(field); err == nil {
			marks[partition] = mark
		}
	}
	return marks, nil
}

// Store replaces the watermarks of some partitions of a topic.
func (w *Watermarks) Store(ctx context.Context, topic string, marks map[int]string) error {
	pairs := make([]any, 0, 2*len(marks))
	for partition, mark := range marks {
		pairs = append(pairs, strconv.Itoa(partition), mark)
	}
	if err := w.rdb.HSet(ctx, w.key(topic), pairs...).Err(); err != nil {
		return fmt.Errorf("writing the watermarks of %s to Redis: %w", topic, err)
	}
	return nil
}

// Add stores a watermark of those partitions of a topic that have none.
func (w *Watermarks) Add(ctx context.Context, topic string, partitions []int, mark string) error {
	_, err := w.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, n := range partitions {
			p.HSetNX(ctx, w.key(topic), strconv.Itoa(n), mark)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing the watermarks of new partitions of %s to Redis: %w", topic, err)
	}
	return nil
}

// AnyMarks reports whether the ledger has a mark of any delivery. It looks through all
// keys of Redis until it finds one.
func (w *Watermarks) AnyMarks(ctx context.Context) (bool, error) {
	cluster, ok := w.rdb.(*redis.ClusterClient)
	if !ok {
		return w.anyOn(ctx, w.rdb)
	}
	found := make(chan struct{}, 1)
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		has, err := w.anyOn(ctx, node)
		if has {
			offer(found)
		}
		return err
	})
	return len(found) > 0, err
}

// anyOn looks through the keys of one server.
func (w *Watermarks) anyOn(ctx context.Context, node redis.Cmdable) (bool, error) {
	const together = 1000
	keys := node.Scan(ctx, 0, w.prefix+":{*", together).Iterator()
	for keys.Next(ctx) {
		if k := keys.Val(); strings.Contains(k, ":delivered:") || strings.Contains(k, ":handed-on:") {
			return true, nil
		}
	}
	if err := keys.Err(); err != nil {
		return false, fmt.Errorf("asking Redis whether the ledger has marks: %w", err)
	}
	return false, nil
}
