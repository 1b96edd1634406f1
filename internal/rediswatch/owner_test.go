package rediswatch_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/rediswatch"
)

const ownerKey = "leadhook:owner"

func (r *rig) setOwner(name string) {
	r.t.Helper()
	if err := r.server.Set(ownerKey, name); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) ownerIs(want string) {
	r.t.Helper()
	if got, _ := r.server.Get(ownerKey); got != want {
		r.t.Errorf("the owner is %q, want %q", got, want)
	}
}

func TestTheFirstServiceOwnsThePrefix(t *testing.T) {
	run(t, func(*rig) {}, func(r *rig) {
		r.ownerIs("kafka/leads")
		if r.server.TTL(ownerKey) != 0 {
			t.Error("the owner expires")
		}
		r.server.FlushAll()
		soon()
		r.ownerIs("kafka/leads")
		r.wants("emptied", nil)
	})
}

func TestLeadsWaitWhileThePrefixIsAnothers(t *testing.T) {
	run(t, func(r *rig) { r.setOwner("other/leads") }, func(r *rig) {
		r.wants("at the start", []string{"owner"}, "Redis is not as leadhook needs it owner")
		err := r.watch.Ready()
		if err == nil || !r.holds() {
			t.Fatalf("got %v, want leads that wait", err)
		}
		_, takeOver, _ := strings.Cut(err.Error(), "redis-cli SET leadhook:owner '")
		if takeOver != "kafka/leads'" || !strings.Contains(err.Error(), "redis.prefix") {
			t.Errorf("got %v, want both ways out", err)
		}
		r.setOwner("kafka/leads") // as the text says
		soon()
		if err := r.watch.Ready(); err != nil || r.holds() {
			t.Errorf("taken over: got %v, want leads to be delivered", err)
		}
		r.wants("taken over", nil, "Redis is as leadhook needs it again owner")
		r.setOwner("third/leads")
		soon()
		if !r.holds() {
			t.Error("taken by another: leads do not wait")
		}
		r.ownerIs("third/leads")
	})
}

func TestTheOwnerComesFirstAfterRedisWasEmptied(t *testing.T) {
	run(t, func(r *rig) { r.setOwner("other/leads") }, func(r *rig) {
		r.server.FlushAll()
		time.Sleep(50 * time.Second)
		r.ownerIs("") // the other one may still come
		if !r.holds() {
			t.Error("leads do not wait")
		}
		time.Sleep(15 * time.Second)
		r.ownerIs("kafka/leads")
		if r.holds() {
			t.Error("the other is gone: leads wait")
		}
	})
}

func TestKafkaMovedUnderTheService(t *testing.T) {
	run(t, func(*rig) {}, func(r *rig) {
		r.named("", errors.New("Kafka is away"))
		soon()
		if err := r.watch.Ready(); err != nil || r.holds() {
			t.Errorf("Kafka is away: got %v, want nothing changed", err)
		}
		r.named("new/leads", nil)
		soon()
		if !r.holds() {
			t.Error("another Kafka: leads do not wait")
		}
		r.ownerIs("kafka/leads")
	})
}

func TestTheOwnerIsNotKnownAtTheStart(t *testing.T) {
	run(t, func(r *rig) { r.redis.refusal = said("READONLY You can't write") }, func(r *rig) {
		if err := r.watch.Ready(); err == nil || !r.holds() {
			t.Errorf("it cannot be claimed: got %v, want leads that wait", err)
		}
		r.redis.set(func(a *answers) { a.refusal = nil })
		soon()
		r.ownerIs("kafka/leads")
		if r.holds() {
			t.Error("it takes writes again: leads wait")
		}
	})
}

func TestACommandChecksTheOwnerAndClaimsNothing(t *testing.T) {
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	defer func() { _ = rdb.Close() }()
	check := func() error { return rediswatch.Check(t.Context(), rdb, "leadhook", "kafka/leads") }
	if err := check(); err != nil || server.Exists(ownerKey) {
		t.Errorf("nobody's: got %v, and claimed is %t, want neither", err, server.Exists(ownerKey))
	}
	_ = server.Set(ownerKey, "kafka/leads")
	if err := check(); err != nil {
		t.Errorf("its own: got %v", err)
	}
	_ = server.Set(ownerKey, "other/leads")
	if err := check(); !errors.Is(err, rediswatch.ErrForeign) || !strings.Contains(err.Error(), "redis-cli SET leadhook:owner 'kafka/leads'") {
		t.Errorf("another's: got %v, want how to take over", err)
	}
	server.SetError("LOADING")
	if err := check(); err == nil || errors.Is(err, rediswatch.ErrForeign) {
		t.Errorf("not known: got %v, want another error", err)
	}
}
