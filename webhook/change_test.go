package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

func setActive(t *testing.T, store *webhook.Store, id string, active, want bool) {
	t.Helper()
	h, changed, err := store.SetActive(t.Context(), id, active)
	if err != nil || changed != want || h.Active != active || h.ID != id {
		t.Errorf("webhook %s: got changed %t, error %v and %+v, want changed %t", id, changed, err, h, want)
	}
}

func TestAWebhookSetActiveIsWhatASeedWouldWrite(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	for _, w := range []lead.Webhook{hook("a", "USA_1"), full("a", "USA_1")} {
		for _, active := range []bool{true, false} {
			w.Active = active
			seed(t, store, w)
			want := content(t, rdb)
			w.Active = !active
			seed(t, store, w)
			setActive(t, store, "a", active, true)
			if diff := cmp.Diff(want, content(t, rdb)); diff != "" {
				t.Errorf("active %t (-seeded +set):\n%s", active, diff)
			}
			setActive(t, store, "a", active, false)
		}
	}
}

func TestEnablingEndsWhatTheServiceFoundOut(t *testing.T) {
	store := webhook.NewStore(redistest.New(t), "leadhook")
	a, b := hook("a", "USA_1"), hook("b", "USA_1")
	seed(t, store, a, b)
	for _, w := range []lead.Webhook{a, b} {
		noteFailing(t, store, stored(t, store, w))
		disable(t, store, stored(t, store, w), true)
	}
	setActive(t, store, "a", true, true)
	stands(t, store, a, lead.Failing{}, lead.Disabled{})
	stands(t, store, b, failing, gone)
	setActive(t, store, "a", true, false)
	setActive(t, store, "b", false, true)
	b.Active = false
	stands(t, store, b, lead.Failing{}, lead.Disabled{})
}

func TestChangesAreHeardOfAtOnce(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		active := func(want bool) {
			t.Helper()
			time.Sleep(10 * time.Millisecond)
			hooks, err := r.cache.For(t.Context(), "USA_1")
			if err != nil || len(hooks) != 1 || (hooks[0].Active && hooks[0].Disabled == lead.Disabled{}) != want {
				t.Errorf("got %v, error %v, want active to be %t", hooks, err, want)
			}
		}
		setActive(t, r.store, "w-USA_1", false, true)
		active(false)
		setActive(t, r.store, "w-USA_1", true, true)
		active(true)
		hooks, err := r.cache.For(t.Context(), "USA_1")
		if err != nil {
			t.Fatal(err)
		}
		disable(t, r.store, hooks[0], true)
		active(false)
		setActive(t, r.store, "w-USA_1", true, true)
		active(true)
		if err := r.store.Remove(t.Context(), "w-USA_1"); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Millisecond)
		r.wants("USA_1")
	})
}

func TestWhoIsToldOfAChangeFindsIt(t *testing.T) {
	var r *rig
	var told [][]string
	var lookUps sync.WaitGroup
	active := make(map[bool]int)
	opts := withGrace
	opts.Changed = func(advertisers []string) {
		told = append(told, advertisers)
		lookUps.Go(func() { // it must not block itself
			hooks, err := r.cache.For(r.t.Context(), "USA_1")
			if err != nil || len(hooks) != 1 {
				t.Errorf("got %v, error %v, want one webhook", hooks, err)
				return
			}
			active[hooks[0].Active]++
		})
	}
	run(t, opts, func(t *testing.T, started *rig) {
		r = started
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		lookUps.Wait()
		setActive(t, r.store, "w-USA_1", false, true)
		synctest.Wait()
		lookUps.Wait()
		if diff := cmp.Diff([][]string{{"USA_1"}, {"USA_1"}}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if active[true] != 1 || active[false] != 1 {
			t.Errorf("got %v, want it active when it was seeded and inactive when it was disabled", active)
		}
	})
}

// between does something before each script is sent, as another client could.
type between func()

func (b between) DialHook(next redis.DialHook) redis.DialHook { return next }
func (b between) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (b between) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "eval" {
			b()
		}
		return next(ctx, cmd)
	}
}

func TestAChangeUndoesNoSeedThatComesBetween(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	w := hook("a", "USA_1")
	seed(t, store, w)
	seeds := 0
	rdb.AddHook(between(func() {
		if seeds++; seeds <= 3 {
			w.Authorization = lead.Secret(fmt.Sprint("token ", seeds))
			seed(t, store, w)
		}
	}))
	setActive(t, store, "a", false, true)
	want := w
	want.Active = false
	if diff := cmp.Diff(&want, stored(t, store, w), revealed); diff != "" || seeds != 4 {
		t.Errorf("after %d tries (-want +got):\n%s", seeds, diff)
	}
}

func TestRemovedIsRemovedAndItsIDRemains(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	a, b := hook("a", "USA_1"), hook("b", "USA_1")
	seed(t, store, a, b)
	noteFailing(t, store, stored(t, store, a))
	if err := store.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if stored(t, store, a) != nil || stored(t, store, b) == nil {
		t.Error("webhook a is still there, or b is not")
	}
	if err := store.Remove(t.Context(), "a"); !errors.Is(err, webhook.ErrNoWebhook) {
		t.Errorf("again: got error %v, want ErrNoWebhook", err)
	}
	if _, _, err := store.SetActive(t.Context(), "a", true); !errors.Is(err, webhook.ErrNoWebhook) {
		t.Errorf("enabling it: got error %v, want ErrNoWebhook", err)
	}
	foreign := hook("a", "USA_2")
	if _, err := store.Seed(t.Context(), []lead.Webhook{foreign}, webhook.SeedOptions{}); err == nil {
		t.Error("the id was given to another advertiser")
	}
	seed(t, store, a)
	stands(t, store, a, lead.Failing{}, lead.Disabled{})
}

func TestADamagedWebhookIsRemovedAndNotChanged(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	seed(t, store, hook("a", "USA_1"))
	if err := rdb.HSet(t.Context(), webhooksKey(t, rdb), "a", "{").Err(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.SetActive(t.Context(), "a", true); !errors.Is(err, webhook.ErrDamaged) || !strings.Contains(err.Error(), "seed the webhook again") {
		t.Errorf("got error %v, want ErrDamaged and what to do", err)
	}
	if _, err := seedfile.Text(browse(t, store, "", 1)[0]); err == nil {
		t.Error("it has a text for a seed file")
	}
	if err := store.Remove(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if left := browse(t, store, "", 0); len(left) > 0 {
		t.Errorf("got %v left", left)
	}
}
