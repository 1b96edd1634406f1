package shares_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/webhook/shares"
)

func TestMain(m *testing.M) {
	logging.Disable() // of the client, which writes of every lost connection
	goleak.VerifyTestMain(m)
}

// TestOnTheEmbeddedRedis is what every Redis must do; TestOnRealRedis in
// shares_real_test.go does the same.
func TestOnTheEmbeddedRedis(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	runContract(t, rdb)
}

func runContract(t *testing.T, rdb redis.UniversalClient) {
	for name, test := range contract {
		t.Run(name, func(t *testing.T) { test(t, newRig(rdb)) })
	}
}

// A rig has shares of its own in a Redis that it shares with others.
type rig struct {
	*shares.Shares
	rdb    redis.UniversalClient
	prefix string
}

func newRig(rdb redis.UniversalClient) *rig {
	prefix := "test[*]" + rand.Text() // an operator may name it so
	return &rig{Shares: shares.New(rdb, prefix), rdb: rdb, prefix: prefix}
}

const epoch = "E1"

// hash is the key of share 7 in Redis.
func (r *rig) hash() string { return r.prefix + ":{7}:records:" + epoch }

// value is the value of a record of the epoch.
func value(number int, change string) []byte { return valueOf(epoch, number, change) }

func valueOf(epoch string, number int, change string) []byte {
	return fmt.Appendf(nil, "leadhook/1 %s %d %s\n\x00\xff a box of change %[3]s\r\n", epoch, number, change)
}

// keys are many keys of each share.
var keys = func() (keys [shares.Count][]string) {
	for i := range 80_000 {
		key := fmt.Sprint("USA_", i)
		keys[shares.Of(key)] = append(keys[shares.Of(key)], key)
	}
	return keys
}()

// keyIn is a key of a share; each n gives another one.
func keyIn(share, n int) string { return keys[share][n] }

func at(applied int64, head string) shares.Place { return shares.Place{Applied: applied, Head: head} }

// fill takes one step of share 7, where most tests are.
func (r *rig) fill(t *testing.T, from, to shares.Place, records ...shares.Record) error {
	t.Helper()
	errs := r.Fill(t.Context(), epoch, []shares.Step{{Share: 7, From: from, To: to, Records: records}})
	if len(errs) != 1 {
		t.Fatalf("got %d errors for one step", len(errs))
	}
	return errs[0]
}

func (r *rig) mustFill(t *testing.T, from, to shares.Place, records ...shares.Record) {
	t.Helper()
	if err := r.fill(t, from, to, records...); err != nil {
		t.Fatalf("from %v to %v: %v", from, to, err)
	}
}

// wantState demands where share 7 is.
func (r *rig) wantState(t *testing.T, want shares.State) {
	t.Helper()
	if diff := cmp.Diff(want, r.States(t.Context(), epoch)[7]); diff != "" {
		t.Errorf("state of the share (-want +got):\n%s", diff)
	}
}

// wantStored demands what share 7 has of keys; nil stands for nothing.
func (r *rig) wantStored(t *testing.T, place shares.Place, want map[string][]byte) {
	t.Helper()
	for key, value := range want {
		got := r.Get(t.Context(), epoch, []string{key})[0]
		if diff := cmp.Diff(shares.Answer{Place: place, Value: value}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}
