package follow_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap/zaptest"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// A counted topic counts the questions for its end.
type counted struct {
	*topic.Topic
	ends atomic.Int64
}

func (c *counted) End(ctx context.Context) (int64, error) {
	c.ends.Add(1)
	return c.Topic.End(ctx)
}

// A rig is a log with an epoch.
type rig struct {
	t      *testing.T
	redis  *miniredis.Miniredis
	log    *follow.Log
	topic  *counted
	epoch  string
	shares *shares.Shares
}

func newRig(t *testing.T) *rig {
	k := kafkatest.New(t)
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	c := &counted{Topic: topic.New(k.Client, k.Topic(t, 1, "cleanup.policy=compact"))}
	t.Cleanup(func() { _ = c.Close() })
	r := &rig{t: t, redis: server, topic: c, shares: shares.New(rdb, "leadhook")}
	r.log = &follow.Log{Topic: c, Shares: r.shares, Boxes: seal.New([]seal.Key{seal.NewKey()}, false)}
	var err error
	if r.epoch, err = r.log.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.log.Open(t.Context(), r.epoch); err != nil {
		t.Fatal(err)
	}
	return r
}

// put appends entries of keys, each made from the one with the number before.
func (r *rig) put(number int64, change string, keys ...string) {
	r.t.Helper()
	var records []topic.Record
	for _, key := range keys {
		e, err := entry.SealOwner(r.log.Boxes, key, entry.Stamp{Epoch: r.epoch, Number: number, Change: change}, change)
		if err != nil {
			r.t.Fatal(err)
		}
		records = append(records, topic.Record{Key: entry.IDKey(key), Value: e.Value()})
	}
	if err := r.topic.Append(r.t.Context(), records); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) end() int64 {
	r.t.Helper()
	end, err := r.topic.Topic.End(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return end
}

// fill fills Redis up to the end.
func (r *rig) fill() [shares.Count]shares.State {
	r.t.Helper()
	states, err := r.log.Fill(r.t.Context(), r.epoch, r.end())
	if err != nil {
		r.t.Fatal(err)
	}
	return states
}

// stored returns the change that Redis has of a webhook's id, and whether there is one.
func (r *rig) stored(id string) string {
	r.t.Helper()
	a := r.shares.Get(r.t.Context(), r.epoch, []string{entry.IDKey(id)})[0]
	if a.Err != nil {
		r.t.Fatal(a.Err)
	}
	if a.Value == nil {
		return ""
	}
	e, err := entry.Parse(a.Value)
	if err != nil {
		r.t.Fatal(err)
	}
	return e.Change
}

// A seen is what a Follower told.
type seen struct {
	mu      sync.Mutex
	keys    []string
	renewed int
}

func (s *seen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys)
}

// follow runs a Follower until the test ends.
func (r *rig) follow() (*follow.Follower, *seen) {
	s := &seen{}
	f := follow.New(r.log, func(key string, _ int64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys = append(s.keys, key)
	}, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.renewed++
	}, zaptest.NewLogger(r.t))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { f.Run(ctx) })
	r.t.Cleanup(func() { cancel(); wg.Wait() })
	return f, s
}

func (r *rig) confirm(f *follow.Follower) *follow.Confirmed {
	r.t.Helper()
	c, err := f.Confirm(kafkatest.Within(r.t), time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
