package main

import "testing"

// TestTwoServicesOnOnePrefix has the second wait, and then take over.
func TestTwoServicesOnOnePrefix(t *testing.T) {
	t.Parallel()
	first := newRig(t, setup{})
	ours := first.name("USA_1")
	first.seed(first.hook("first", ours))
	one := first.run().ready()

	second := newRig(t, setup{redis: first.redis, environ: []string{"LEADHOOK_REDIS_PREFIX=" + first.topic}})
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
