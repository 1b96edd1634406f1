package webhook_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/shares"
)

// keysOf returns the keys of the shares that Redis has.
func (w *world) shareKeys() []string {
	keys, err := w.operator.Keys(w.ctx, "leadhook:{*}:records:*").Result()
	if err != nil {
		w.fail("%v", err)
	}
	return keys
}

// backUp remembers what Redis has.
func (w *world) backUp() {
	backup := make(map[string]map[string]string)
	for _, key := range w.shareKeys() {
		backup[key] = w.operator.HGetAll(w.ctx, key).Val()
	}
	w.backups = append(w.backups, backup)
	w.say("backup %d", len(w.backups))
}

// restore gives shares back what they had; all of them, or each with a chance.
func (w *world) restore(backup map[string]map[string]string, chance float64) {
	for _, key := range w.shareKeys() {
		if !w.dice.chance(chance) {
			continue
		}
		pipe := w.operator.TxPipeline()
		pipe.Del(w.ctx, key)
		if fields := backup[key]; len(fields) > 0 {
			pipe.HSet(w.ctx, key, fields)
		}
		if _, err := pipe.Exec(w.ctx); err != nil {
			w.fail("%v", err)
		}
	}
}

func (w *world) flush() {
	if err := w.operator.FlushDB(w.ctx).Err(); err != nil {
		w.fail("%v", err)
	}
}

// evict removes the shares of advertisers, or any.
func (w *world) evict() {
	share := shares.Of(advertisers[w.dice.below(len(advertisers))])
	for _, key := range w.shareKeys() {
		if strings.Contains(key, fmt.Sprintf("{%d}", share)) || w.dice.chance(.05) {
			w.operator.Del(w.ctx, key)
		}
	}
}

// damage does one thing that should not happen.
func (w *world) damage() {
	inst := w.slots[w.dice.below(len(w.slots))].instance
	switch n := w.dice.below(18); {
	case n == 0:
		w.readOnly.Store(!w.readOnly.Load())
		w.say("Redis is read-only: %v", w.readOnly.Load())
	case n == 1:
		w.noRedis.Store(!w.noRedis.Load())
		w.say("Redis is away: %v", w.noRedis.Load())
	case n == 2:
		w.noKafka.Store(!w.noKafka.Load())
		w.say("Kafka is away: %v", w.noKafka.Load())
	case n < 6 && inst != nil:
		inst.line.hangs.Store(w.dice.chance(.5))
		inst.line.noRedis.Store(w.dice.chance(.5))
		inst.line.noKafka.Store(w.dice.chance(.5))
		w.say("%s has no Redis: %v, no Kafka: %v", inst.name, inst.line.noRedis.Load(), inst.line.noKafka.Load())
	case n < 8:
		w.say("shares are evicted")
		w.evict()
	case n == 8:
		w.say("Redis is emptied")
		w.flush()
	case n < 11:
		w.backUp()
	case n < 14 && len(w.backups) > 0:
		chance := []float64{1, .5, .1}[w.dice.below(3)]
		number := w.dice.below(len(w.backups))
		w.say("Redis is restored from backup %d with chance %v", number+1, chance)
		w.restore(w.backups[number], chance)
	case n < 16:
		i := w.dice.below(len(w.slots))
		if w.instance(i) != nil {
			w.end(i, w.dice.chance(.5))
		}
		if w.dice.chance(.7) {
			w.start(i)
		}
	case n == 16:
		w.aDayPasses()
	case n == 17:
		w.compact()
	}
}

// mend ends all damage.
func (w *world) mend() {
	w.calm.Store(true)
	w.readOnly.Store(false)
	w.noRedis.Store(false)
	w.noKafka.Store(false)
	for i := range w.slots {
		if inst := w.instance(i); inst != nil {
			inst.line.noKafka.Store(false)
			inst.line.noRedis.Store(false)
			inst.line.hangs.Store(false)
		}
	}
	w.hasten()
}

// aDayPasses lets everything come to an end that was begun, as it does within the time
// for which compaction leaves records alone.
func (w *world) aDayPasses() {
	if w.memory == nil {
		return
	}
	w.say("a day begins")
	w.quieten(false)
	w.days, _ = w.memory.End(w.ctx)
	w.calm.Store(false)
	w.say("the day is over")
	w.compact()
}

func (w *world) compact() {
	if w.memory != nil && w.days > 0 {
		below := int64(w.dice.below(int(w.days))) + 1
		w.say("compacting below %d", below)
		w.memory.compact(below)
	}
}

// quieten mends everything and waits until it has its effect: every change ended, every
// share at the end of the topic, nothing marked, and, if they shall be, every lead
// answered.
func (w *world) quieten(leads bool) {
	w.mend()
	w.waitForLate()
	if w.instance(0) == nil {
		w.start(0)
	}
	if leads {
		for i := range w.slots {
			if w.instance(i) == nil {
				w.start(i)
			}
		}
	}
	patience := 10 * time.Minute
	if w.memory == nil {
		patience = time.Minute
	}
	until := time.Now().Add(patience)

	for {
		w.waitForLate()
		if _, open := w.epoch(); leads && !open {
			w.anySeed(false) // nothing was ever seeded: leads wait for it
			w.waitForLate()
		}
		why := w.unrest(leads)
		if why == "" {
			return
		}
		if time.Now().After(until) {
			w.fail("I5: it does not come to rest: %s", why)
		}
		time.Sleep(200 * time.Millisecond / time.Duration(w.hurry))
	}
}

// topicLost lets the topic lose its last records, or all of them, which Redis still has.
// Then no lead may be answered before somebody recovered the topic.
func (w *world) topicLost() {
	end, _ := w.memory.End(w.ctx)
	left := max(end-int64(1+w.dice.below(6)), 0)
	if w.dice.chance(.3) {
		left = 0
	}
	w.memory.cut(left)
	lost := time.Now()
	w.say("the topic ended at %d and ends at %d", end, left)
	w.forgetLost()
	w.calm.Store(false)
	for range w.dice.below(30) {
		time.Sleep(time.Duration(w.dice.below(400)) * time.Millisecond)
		switch i := w.dice.below(len(w.slots)); w.dice.below(8) {
		case 0:
			w.evict() // some of the shares
		case 1:
			w.end(i, w.dice.chance(.5))
		case 2, 3:
			if w.instance(i) == nil {
				w.start(i)
			}
		case 4, 5:
			w.anyChange()
		default:
			w.lead(i, w.anyAdvertiser())
		}
	}
	w.mend()
	for until := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		why := w.unstopped()
		if why == "" {
			break
		}
		if time.Now().After(until) {
			w.fail("the topic lost records, and %s", why)
		}
	}
	w.mu.Lock()
	leads := slices.Clone(w.leads)
	w.mu.Unlock()
	for _, l := range leads {
		if l.hooks != "" && l.since.After(lost) {
			w.fail("the topic lost records, and %s was answered by %s after it with %s", l.advertiser, l.instance, l.hooks)
		}
	}
}

// unstopped returns what does not yet say that the topic lost records.
func (w *world) unstopped() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changing > 0 {
		return fmt.Sprintf("%d changes have not ended", w.changing)
	}
	for _, s := range w.slots {
		if s.instance != nil && !errors.Is(s.cache.Ready(), follow.ErrWentBack) {
			return fmt.Sprintf("%s says %v", s.name, s.cache.Ready())
		}
	}
	return ""
}

// forgetLost forgets the changes that the topic does not have any longer.
func (w *world) forgetLost() {
	full, _ := w.memory.everything()
	tr := w.read(full, false)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.ops {
		for id, advertiser := range o.advertiser {
			if tr.of(advertiser, o.name) < 0 {
				delete(o.advertiser, id)
			}
		}
	}
}
