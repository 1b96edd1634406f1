//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestReplayKilledWhileRedisFlaps replays dead letters when their CRMs take them again. The
// command is killed in the middle and typed again, while Redis is killed and restarted: each
// lead must arrive.
func TestReplayKilledWhileRedisFlaps(t *testing.T) {
	r := newRig(t, setup{environ: quickRetries})
	hooks := r.many("refuses", 20)
	for _, h := range hooks {
		r.crm.behave(h.path(), status(http.StatusBadRequest))
	}
	r.runs(2)
	letters := either(4000, 1000)
	r.publish(letters, 0, hooks...)
	if a := r.handled(time.Minute); a.dead != letters {
		r.fails("want all of them dead letters, got %v", a)
	}
	for _, h := range hooks {
		r.crm.behave(h.path(), usualCRM)
	}
	flaps, stop := r.flapsRedis()
	kills, replays := 0, either(12, 5)
	for range replays {
		command := r.start("dlq", "replay", "--all", "--yes", "--rate", fmt.Sprint(letters/4))
		if command.over(500*time.Millisecond + r.moment(time.Second)) {
			continue // it has said why, if it could not: it is typed again
		}
		_ = command.process.Kill()
		<-command.ended
		kills++
	}
	stop()
	var last *instance
	r.until(time.Minute, "a replay ends well", func() bool {
		last = r.start("dlq", "replay", "--all", "--yes")
		return last.over(30*time.Second) && last.code == 0
	})
	end := time.Now()
	a := r.settled(2 * time.Minute)
	if a.delivered != a.wanted {
		r.fails("want everything delivered, got %v\n%s\n%s", a, a.details(), last.tail())
	}
	// What a killed replay had published is published again, and a Redis that was killed may
	// have lost the marks of the last second.
	r.tolerates(20*time.Second, most{noLedger: letters / 10})
	r.row(fmt.Sprintf("dead letters: the replay of %d is killed %d times, while Redis is killed and restarted %d times", letters, kills, flaps()), a, end, "")
}

// flapsRedis kills Redis and restarts it with its data, again and again, until the returned
// function is called.
func (r *rig) flapsRedis() (times func() int, stop func()) {
	n := 0
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			back := r.away()
			servers.redis.Kill()
			if err := servers.redis.Restart(context.WithoutCancel(ctx)); err != nil {
				r.fails("Redis does not start again: %v", err)
				return
			}
			back()
			n++
			time.Sleep(500 * time.Millisecond)
		}
	}()
	stop = func() { cancel(); <-done }
	r.t.Cleanup(stop)
	return func() int { return n }, stop
}
