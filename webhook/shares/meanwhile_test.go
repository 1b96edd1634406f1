package shares_test

import (
	"context"
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/webhook/shares"
)

// meanwhile sees each command of a client before it is sent and after it is answered.
type meanwhile struct {
	before, after func(redis.Cmder)
}

func (m *meanwhile) DialHook(next redis.DialHook) redis.DialHook { return next }

func (m *meanwhile) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		m.before(cmd)
		err := next(ctx, cmd)
		m.after(cmd)
		return err
	}
}

func (m *meanwhile) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			m.before(cmd)
		}
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			m.after(cmd)
		}
		return err
	}
}

// watched are shares in an embedded Redis, and the same shares as a client has them whose
// commands can be seen.
func watched(t *testing.T) (r, seen *rig, m *meanwhile) {
	t.Helper()
	server := miniredis.RunT(t)
	client := func() *redis.Client {
		rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = rdb.Close() })
		return rdb
	}
	nothing := func(redis.Cmder) {}
	m = &meanwhile{nothing, nothing}
	rdb := client()
	rdb.AddHook(m)
	r = newRig(client())
	return r, &rig{Shares: shares.New(rdb, r.prefix), rdb: rdb, prefix: r.prefix}, m
}

func TestMarkedLeavesOutWhatIsDoneMeanwhile(t *testing.T) {
	t.Parallel()
	r, seen, m := watched(t)
	a, b := keyIn(7, 0), keyIn(7, 1)
	r.mustFill(t, shares.Place{}, at(1, ""), shares.Record{Key: a, Value: value(5, "a")}, shares.Record{Key: b, Value: value(5, "b")},
		shares.Record{Key: a, Value: value(4, "x")}, shares.Record{Key: b, Value: value(4, "x")})
	m.before = func(cmd redis.Cmder) {
		if cmd.Name() == "hmget" {
			r.mustFill(t, at(1, ""), at(2, "six"), shares.Record{Key: a, Value: value(6, "six")})
		}
	}
	place, marked, err := seen.Marked(t.Context(), epoch, 7)
	if diff := cmp.Diff(map[string][]byte{b: value(5, "b")}, marked); err != nil || place != at(2, "six") || diff != "" {
		t.Errorf("got place %v, error %v, records (-want +got):\n%s", place, err, diff)
	}
}

// again makes the reply to the first HSCAN one that Redis may give too: with records
// twice, or with more to come.
func again(m *meanwhile, alter func(pairs []string) ([]string, uint64)) {
	first := true
	m.after = func(cmd redis.Cmder) {
		if scan, ok := cmd.(*redis.ScanCmd); ok && first {
			first = false
			pairs, _ := scan.Val()
			scan.SetVal(alter(pairs))
		}
	}
}

func TestAllYieldsARecordOnce(t *testing.T) {
	t.Parallel()
	r, seen, m := watched(t)
	want := r.fillMany(t, 5)
	again(m, func(pairs []string) ([]string, uint64) { return append(pairs, pairs[:4]...), 0 })
	got, err := seen.all(t, 7)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, records (-want +got):\n%s", err, diff)
	}
}

func TestAllNoticesThatTheShareIsLostMeanwhile(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(r *rig){
		"lost":               func(*rig) {},
		"and half filled":    func(r *rig) { r.mustFill(t, shares.Place{}, at(4, "")) },
		"and the place lost": func(r *rig) { r.rdb.HSet(t.Context(), r.hash(), "=x", "x") },
	} {
		r, seen, m := watched(t)
		r.fillMany(t, 5)
		again(m, func(pairs []string) ([]string, uint64) {
			if err := r.DropShare(t.Context(), epoch, 7); err != nil {
				t.Error(err)
			}
			then(r)
			return pairs[:4], 1
		})
		if got, err := seen.all(t, 7); len(got) != 2 || !errors.Is(err, shares.ErrNotFilled) {
			t.Errorf("%s: got %d records and error %v, want 2 and ErrNotFilled", name, len(got), err)
		}
	}
}
