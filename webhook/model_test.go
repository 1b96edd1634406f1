package webhook_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/entry"
)

var (
	schedules = flag.Int("schedules", 20, "how many random schedules are tried")
	firstSeed = flag.Uint64("seed", 1, "the first schedule")
)

var advertisers = []string{"A", "B", "C"}

// TestSchedules tries the writers, fill scripts, followers and look-ups in random order,
// with everything that can happen to Kafka, to Redis and to processes meanwhile.
func TestSchedules(t *testing.T) {
	for n := range *schedules {
		seed := *firstSeed + uint64(n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { inMemory(t, seed) })
		})
	}
}

func inMemory(t *testing.T, seed uint64) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true)
	defer server.Close()
	rolls := newDice(seed, "rolls")
	log := newMemoryLog(func() bool { return rolls.chance(.15) })
	dial := (&redistest.Line{Server: server}).Dial
	w := newWorld(t, seed, servers{topic: log, memory: log, hurry: 1, client: func() *redis.Client { return redistest.NewClient(dial) }})
	ctx, cancel := context.WithCancel(context.Background())
	w.ctx = ctx
	defer time.Sleep(2 * time.Second) // the clients leave goroutines for a second
	defer w.close(cancel)
	w.run(30 + w.dice.below(90))
	full, left := log.everything()
	whole := w.read(full, true)
	w.judge(whole)
	w.agree(whole, left)
	w.afterDamage()
	w.topicLost()
	full, _ = log.everything()
	w.judgeOps(w.read(full, false), true)
}

// run runs a schedule of so many events, and waits until everything has come to rest.
func (w *world) run(events int) {
	for i := range 1 + w.dice.below(len(w.slots)) {
		w.start(i)
	}
	if w.dice.chance(.8) {
		w.anyChange()
		w.anyChange()
	}
	damaging := w.dice.below(40)
	for range events {
		time.Sleep(time.Duration(w.dice.below(40_000)) * time.Microsecond / time.Duration(w.hurry))
		switch n := w.dice.below(100); {
		case n < damaging:
			w.damage()
		case n < 70:
			w.lead(w.dice.below(len(w.slots)), w.anyAdvertiser())
		default:
			w.anyChange()
			if w.dice.chance(.4) {
				w.anyChange()
			}
		}
	}
	w.say("the schedule is over")
	w.quieten(true)
}

// afterDamage compacts, and empties Redis or gives it an old backup.
func (w *world) afterDamage() {
	for _, how := range []string{"emptied", "restored"} {
		w.days, _ = w.memory.End(w.ctx)
		w.say("at last Redis is %s", how)
		w.memory.compact(w.days)
		if how == "emptied" {
			w.flush()
		} else if len(w.backups) > 0 {
			w.restore(w.backups[w.dice.below(len(w.backups))], .7)
		}
		for _, advertiser := range advertisers {
			w.lead(w.dice.below(len(w.slots)), advertiser)
		}
		w.quieten(true)
		full, left := w.memory.everything()
		now := w.read(full, true)
		w.judge(now)
		w.agree(now, left)
	}
}

func (w *world) anyAdvertiser() string { return advertisers[w.dice.below(len(advertisers))] }

// anyID returns the id of a webhook, which more often than not is one of the advertiser's.
func (w *world) anyID(advertiser string) string {
	if w.dice.chance(.1) {
		advertiser = w.anyAdvertiser()
	}
	return fmt.Sprintf("%s%d", advertiser, w.dice.below(3))
}

func (w *world) anyHook(n int) lead.Webhook {
	advertiser := w.anyAdvertiser()
	return lead.Webhook{
		ID: w.anyID(advertiser), Advertiser: advertiser, URL: fmt.Sprintf("https://crm.example.com/%d-%d", len(w.ops), n),
		Trigger: lead.NewContact, LeadTypes: lead.AllLeadTypes, Format: lead.JSON, Active: true, Authorization: "token",
	}
}

// anyChange begins a change.
func (w *world) anyChange() {
	id := w.anyID(w.anyAdvertiser())
	switch w.dice.below(10) {
	default:
		w.anySeed(w.dice.chance(.08))
	case 0, 1:
		active := w.dice.chance(.5)
		w.change(fmt.Sprintf("set %s active: %v", id, active), func(ctx context.Context, e *edit.Editor) (map[string]string, error) {
			hook, changed, err := e.SetActive(ctx, id, active)
			if err != nil || !changed {
				return nil, err
			}
			return map[string]string{id: hook.Advertiser}, nil
		})
	case 2:
		w.change("remove "+id, func(ctx context.Context, e *edit.Editor) (map[string]string, error) {
			hook, err := webhook.Catalog{Log: e.Log}.Find(ctx, id)
			if err != nil {
				return nil, err
			}
			return map[string]string{id: hook.Advertiser}, e.Remove(ctx, id)
		})
	case 3:
		w.change("disable "+id, func(ctx context.Context, e *edit.Editor) (map[string]string, error) {
			hook, err := webhook.Catalog{Log: e.Log}.Find(ctx, id)
			if err != nil {
				return nil, err
			}
			done, err := e.Disable(ctx, hook, lead.Disabled{At: time.Now(), Reason: lead.Gone, Status: 410})
			if err != nil || !done {
				return nil, err
			}
			return map[string]string{id: hook.Advertiser}, nil
		})
	}
}

// anySeed begins a seed of a webhook or two.
func (w *world) anySeed(prune bool) {
	hooks := []lead.Webhook{w.anyHook(0)}
	if more := w.anyHook(1); w.dice.chance(.3) && more.ID != hooks[0].ID {
		hooks = append(hooks, more)
	}
	w.change(fmt.Sprintf("seed %s of %s, %d webhooks, prune %v", hooks[0].ID, hooks[0].Advertiser, len(hooks), prune),
		func(ctx context.Context, e *edit.Editor) (map[string]string, error) {
			changes, err := e.Seed(ctx, hooks, edit.SeedOptions{Prune: prune})
			done := map[string]string{}
			for _, c := range changes {
				if c.Action != edit.Unchanged {
					done[c.Webhook] = c.Advertiser
				}
			}
			return done, err
		})
}

// epoch returns the epoch that the topic's first record begins, and whether a record that
// opens it follows.
func (w *world) epoch() (epoch string, open bool) {
	from, failed := int64(0), 0
	for {
		chunk, err := w.topic.Fetch(w.ctx, from, 0, 1<<20)
		if err != nil {
			if failed++; failed > 10 {
				return epoch, open
			}
			time.Sleep(10 * time.Millisecond) // a connection that was broken
			continue
		}
		for i := range chunk.Records {
			r := &chunk.Records[i]
			if begun, ok := entry.EpochOf(r.Key); ok && r.Offset == 0 {
				epoch = begun
			}
			open = open || epoch != "" && r.Key == entry.OpenKey(epoch)
		}
		if from = chunk.Next; from >= chunk.End {
			return epoch, open
		}
	}
}
