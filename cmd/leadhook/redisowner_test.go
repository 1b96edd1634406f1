package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTwoServicesOnOnePrefix has the second wait, and then take over.
func TestTwoServicesOnOnePrefix(t *testing.T) {
	t.Parallel()
	first := newRig(t, setup{})
	ours := first.name("USA_1")
	first.seed(first.hook("first", ours))
	one := first.run().ready()

	second := newRig(t, setup{redis: first.redis, environ: []string{"LEADHOOK_REDIS_PREFIX=" + first.topic, "LEADHOOK_KAFKA_START=earliest"}})
	second.publish(calls(ours, 1, 10)...)
	other := second.run()
	other.notReady("another redis.prefix")
	first.publish(calls(ours, 1, 10)...)
	first.exactly(10)
	if n := generations(t, other); n > 0 {
		t.Errorf("the second service joined its group %d times, want never", n)
	}

	rdb := second.redisClient()
	owner := rdb.Get(t.Context(), first.topic+":owner").Val()
	name := owner[:len(owner)-len(first.topic)] + second.topic
	if err := rdb.Set(t.Context(), first.topic+":owner", name, 0).Err(); err != nil {
		t.Fatal(err)
	}
	one.notReady("another redis.prefix")
	second.must("", "webhooks", "recover", "--yes", "--file", filepath.Join(t.TempDir(), "found")) // its topic has none yet
	other.ready()
	first.publish(calls(ours, 11, 10)...)
	first.until("the first service reads", func() bool { return one.metric("leadhook_open_bytes") > 0 })
	if taken, lag := first.taken(), first.lag(); taken != 10 || lag != 10 {
		t.Errorf("taken over: the first service has delivered %d leads, %d are not committed, want 10 and 10", taken, lag)
	}
	second.until("the second service goes by the marks of the first", func() bool { return second.lag() == 0 })
	one.stop()
	other.stop()
}

// TestCommandsRefuseAnothersRedis tries all that read or write webhooks, or go by marks.
func TestCommandsRefuseAnothersRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	h := r.hook("a", "A_1")
	r.seed(h)
	rdb, key := r.redisClient(), r.topic+":owner"
	if n := rdb.Exists(t.Context(), key).Val(); n != 0 {
		t.Error("a seed has claimed the keys")
	}
	if err := rdb.Set(t.Context(), key, "other/leads", 0).Err(); err != nil {
		t.Fatal(err)
	}
	log := r.webhooks()
	before, err := log.Topic.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"seed -", "seed --dry-run -", "explain -", "secrets check", "secrets reseal", "dlq replay --all --yes", "webhooks list", "webhooks show " + h.ID,
		"webhooks export", "webhooks enable " + h.ID, "webhooks disable --yes " + h.ID, "webhooks remove --yes " + h.ID,
		"webhooks history A_1", "webhooks recover --yes --force --file " + t.TempDir() + "/kept", "webhooks adopt", "webhooks test " + h.ID,
	} {
		stdin := "webhooks: []"
		if args == "explain -" {
			stdin = event("A_1", "new_contact", "call", 1)
		}
		got := r.leadhook(stdin, strings.Fields(args)...)
		if got.code != exitFailed || got.out != "" || !containsAll(got.errs, `"other/leads"`, "nothing was done", "redis.prefix", "redis-cli SET "+key) {
			t.Errorf("%s: got exit code %d and\n%s%s", args, got.code, got.out, got.errs)
		}
	}
	if after, err := log.Topic.End(t.Context()); err != nil || after != before {
		t.Errorf("the topic ends at %d, %v, want at %d as before", after, err, before)
	}
	_, command, _ := strings.Cut(r.leadhook("", "webhooks", "list").errs, "redis-cli SET ")
	if err := rdb.Set(t.Context(), key, strings.Trim(strings.Fields(command)[1], "'"), 0).Err(); err != nil {
		t.Fatal(err)
	}
	r.must("", "webhooks", "list")
}
