package webhook_test

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/topic"
)

// A dice is a source of random numbers, of its own for each process, so that a schedule
// depends as little as possible on who runs first.
type dice struct {
	mu  sync.Mutex
	rnd *rand.Rand // guarded by mu
}

func newDice(seed uint64, name string) *dice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return &dice{rnd: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rnd.IntN(n)
}

func (d *dice) chance(p float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rnd.Float64() < p
}

var (
	errAway   = errors.New("the connection is broken")
	errKilled = errors.New("this process was killed")
)

// A line is what one process has to Kafka and to Redis. Everything takes time on it, may
// fail before or after it had its effect, and the process may be killed by it.
type line struct {
	w    *world
	dice *dice
	kill context.CancelFunc

	steps            atomic.Int64 // until the process is killed; negative: it is not
	killed           atomic.Bool
	noKafka, noRedis atomic.Bool
	hangs            atomic.Bool // what is away does not answer, instead of failing at once

	inner follow.Topic
	seen  atomic.Int64 // how often the log had broken when this line noticed it last
}

// pause takes the time of half a round trip.
func (l *line) pause(ctx context.Context) {
	d := time.Duration(l.dice.below(2_000_000))
	switch {
	case l.dice.chance(.01):
		d *= 1000
	case l.dice.chance(.1):
		d *= 30
	}
	select {
	case <-time.After(d / time.Duration(l.w.hurry)):
	case <-ctx.Done():
	}
}

// before is what happens on the way to a server, and after on the way back.
func (l *line) before(ctx context.Context, away *atomic.Bool) error {
	l.pause(ctx)
	if n := l.steps.Add(-1); n == 0 {
		l.killed.Store(true)
		if l.dice.chance(.5) { // it happens nonetheless
			l.kill()
			return ctx.Err()
		}
	}
	return l.after(ctx, away)
}

func (l *line) after(ctx context.Context, away *atomic.Bool) error {
	switch {
	case l.killed.Load():
		l.kill()
		return errKilled
	case away.Load() || away == &l.noRedis && l.w.noRedis.Load() || away == &l.noKafka && l.w.noKafka.Load():
		if l.hangs.Load() {
			select {
			case <-time.After(10 * time.Second / time.Duration(l.w.hurry)):
			case <-ctx.Done():
			}
		}
		return errAway
	case !l.w.calm.Load() && l.dice.chance(.005):
		return errAway
	}
	return ctx.Err()
}

func (l *line) Start(ctx context.Context) (int64, error) {
	if err := l.before(ctx, &l.noKafka); err != nil {
		return 0, err
	}
	return l.inner.Start(ctx)
}

func (l *line) End(ctx context.Context) (int64, error) {
	if err := l.before(ctx, &l.noKafka); err != nil {
		return 0, err
	}
	breaks := l.w.breaks()
	if l.seen.Load() != breaks {
		return 0, errLeader // until a fetch noticed it
	}
	end, err := l.inner.End(ctx)
	l.pause(ctx)
	if err == nil {
		err = l.after(ctx, &l.noKafka)
	}
	if err == nil && l.w.breaks() != breaks {
		err = errLeader
	}
	return end, err
}

func (l *line) Fetch(ctx context.Context, from int64, wait time.Duration, maxBytes int) (topic.Chunk, error) {
	if err := l.before(ctx, &l.noKafka); err != nil {
		return topic.Chunk{}, err
	}
	breaks := l.w.breaks()
	if l.seen.Swap(breaks) != breaks {
		return topic.Chunk{}, errLeader
	}
	chunk, err := l.inner.Fetch(ctx, from, wait, maxBytes)
	l.pause(ctx)
	if err == nil {
		err = l.after(ctx, &l.noKafka)
	}
	if now := l.w.breaks(); now != breaks {
		l.seen.Store(now)
		err = errLeader
	}
	return chunk, err
}

// Append may say that it failed although it did not, and what it said failed may come
// into the log later.
func (l *line) Append(ctx context.Context, records []topic.Record) error {
	if err := l.before(ctx, &l.noKafka); err != nil {
		return err
	}
	if l.seen.Load() != l.w.breaks() {
		return errLeader
	}
	copied := slices.Clone(records)
	late := !l.w.calm.Load() && l.dice.chance(.1)
	if late {
		l.w.later(time.Duration(l.dice.below(20_000))*time.Millisecond, func(ctx context.Context) { _ = l.inner.Append(ctx, copied) })
		// Of an epoch there is one record: a request comes late or at once, and only one is made.
		if slices.ContainsFunc(records, beginsEpoch) || l.dice.chance(.5) {
			return errAway
		}
	}
	if err := l.inner.Append(ctx, records); err != nil {
		return err
	}
	l.pause(ctx)
	if err := l.after(ctx, &l.noKafka); err != nil {
		return err
	}
	if !l.w.calm.Load() && l.dice.chance(.05) {
		return errAway
	}
	return nil
}

func beginsEpoch(r topic.Record) bool {
	_, ok := entry.EpochOf(r.Key)
	return ok
}

func (l *line) Close() error { return nil }

// DialHook is for redis.Hook.
func (l *line) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook is for redis.Hook.
func (l *line) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := l.pass(ctx, []redis.Cmder{cmd}, func() error { return next(ctx, cmd) })
		if err != nil && !errors.Is(err, cmd.Err()) {
			cmd.SetErr(err)
		}
		return err
	}
}

// ProcessPipelineHook is for redis.Hook.
func (l *line) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return l.pass(ctx, cmds, func() error { return next(ctx, cmds) })
	}
}

// pass sends commands to Redis.
func (l *line) pass(ctx context.Context, cmds []redis.Cmder, send func() error) error {
	if slices.Contains([]string{"hello", "client"}, cmds[0].Name()) {
		return send()
	}
	fail := func(err error) error {
		for _, cmd := range cmds {
			cmd.SetErr(err)
		}
		return err
	}
	if err := l.before(ctx, &l.noRedis); err != nil {
		return fail(err)
	}
	if l.w.readOnly.Load() && slices.ContainsFunc(cmds, writes) {
		return fail(errReadOnly)
	}
	err := send()
	if !l.w.calm.Load() && l.dice.chance(.02) {
		err = send() // the client repeats what it got no answer to
	}
	l.pause(ctx)
	if lost := l.after(ctx, &l.noRedis); lost != nil {
		return fail(lost)
	}
	return err
}

var errReadOnly = errors.New("READONLY You can't write against a read only replica")

func writes(cmd redis.Cmder) bool {
	return slices.Contains([]string{"eval", "evalsha", "set", "hset", "del", "unlink"}, cmd.Name())
}
