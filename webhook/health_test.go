package webhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

var (
	failing = lead.Failing{Since: time.Date(2026, 11, 20, 8, 30, 0, 123e6, time.UTC), Attempts: 12}
	gone    = lead.Disabled{At: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Reason: lead.Gone, Status: 410}
)

func disable(t *testing.T, store *webhook.Store, h *lead.Webhook, want bool) {
	t.Helper()
	if done, err := store.Disable(t.Context(), h, gone); err != nil || done != want {
		t.Errorf("Disable: got %t, error %v, want %t", done, err, want)
	}
}

func noteFailing(t *testing.T, store *webhook.Store, h *lead.Webhook) {
	t.Helper()
	if err := store.NoteFailing(t.Context(), h, failing); err != nil {
		t.Error(err)
	}
}

// stands demands what is known of a webhook.
func stands(t *testing.T, store *webhook.Store, w lead.Webhook, f lead.Failing, d lead.Disabled) {
	t.Helper()
	got := stored(t, store, w)
	if got == nil {
		t.Fatalf("webhook %s is not there", w.ID)
	}
	if diff := cmp.Diff(f, got.Failing) + cmp.Diff(d, got.Disabled); diff != "" {
		t.Errorf("webhook %s (-want +got):\n%s", w.ID, diff)
	}
}

func TestStandingOutlivesTheSameSeedAndNotAChange(t *testing.T) {
	store := webhook.NewStore(redistest.New(t), "leadhook")
	a, b := hook("a", "USA_1"), full("other", "USA_1")
	seed(t, store, a, b)
	stands(t, store, a, lead.Failing{}, lead.Disabled{})
	noteFailing(t, store, stored(t, store, a))
	disable(t, store, stored(t, store, a), true)
	noteFailing(t, store, stored(t, store, a)) // does not undo it
	noteFailing(t, store, stored(t, store, b))
	stands(t, store, a, failing, gone)
	stands(t, store, b, failing, lead.Disabled{})

	if got := seed(t, store, a, b); got.Count(webhook.Unchanged) != 2 {
		t.Errorf("seeding the same: got %v", got)
	}
	stands(t, store, a, failing, gone)

	changed := a
	changed.URL += "/v2"
	seed(t, store, changed, b)
	stands(t, store, changed, lead.Failing{}, lead.Disabled{})
	stands(t, store, b, failing, lead.Disabled{})

	seed(t, store, a) // as it was before
	stands(t, store, a, lead.Failing{}, lead.Disabled{})
}

func TestRecoveredWebhookIsNotFailingAndStaysDisabled(t *testing.T) {
	store := webhook.NewStore(redistest.New(t), "leadhook")
	a := hook("a", "USA_1")
	seed(t, store, a)
	h := stored(t, store, a)
	noteFailing(t, store, h)
	disable(t, store, h, true)
	if err := store.NoteRecovered(t.Context(), h); err != nil {
		t.Error(err)
	}
	stands(t, store, a, lead.Failing{}, gone)
}

func TestVerdictAboutAnotherVersionIsNotWritten(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	a := hook("a", "USA_1")
	seed(t, store, a)
	attempted := stored(t, store, a)
	a.Authorization = "Bearer corrected"
	seed(t, store, a)
	noteFailing(t, store, stored(t, store, a))
	disable(t, store, attempted, false)
	noteFailing(t, store, attempted)
	if err := store.NoteRecovered(t.Context(), attempted); err != nil {
		t.Error(err)
	}
	stands(t, store, a, failing, lead.Disabled{})

	b := hook("b", "USA_2")
	disable(t, store, &b, false) // not from Redis
	b.Version = attempted.Version
	disable(t, store, &b, false) // not there any more
}

func TestUnreadableStandingDoesNotCount(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	a := hook("a", "USA_1")
	seed(t, store, a)
	disable(t, store, stored(t, store, a), true)
	keys, err := rdb.Keys(t.Context(), "leadhook:{*}:standing:USA_1").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("got keys %q and error %v, want one", keys, err)
	}
	for _, value := range []string{"{", `{"v":"0123456789abcdef","at":"2026-11-23T09:00:00Z"}`, ""} {
		if err := rdb.HSet(t.Context(), keys[0], "disabled:a", value).Err(); err != nil {
			t.Fatal(err)
		}
		stands(t, store, a, lead.Failing{}, lead.Disabled{})
	}
}

func TestDisabledWebhookIsHeardOfAtOnce(t *testing.T) {
	run(t, withGrace, func(t *testing.T, r *rig) {
		r.begin(at("USA_1", "a"))
		r.wants("USA_1", urlAt("a"))
		time.Sleep(5 * time.Second)
		hooks, err := r.cache.For(t.Context(), "USA_1")
		if err != nil {
			t.Fatal(err)
		}
		disable(t, r.store, hooks[0], true)
		time.Sleep(10 * time.Millisecond)
		again, err := r.cache.For(t.Context(), "USA_1")
		if err != nil || len(again) != 1 || again[0].Disabled != gone {
			t.Errorf("got %v, error %v, want the webhook, disabled", again, err)
		}
		if !again[0].Active || hooks[0].Disabled != (lead.Disabled{}) {
			t.Error("what the advertiser set, or a webhook that was handed out, was changed")
		}
	})
}

func TestErrorsOfStandingNameTheWebhookAlone(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	w := full("b", "USA_2")
	seed(t, store, w)
	h := stored(t, store, w)
	_ = rdb.Close()
	_, err := store.Disable(t.Context(), h, gone)
	if err == nil || !strings.Contains(err.Error(), `webhook "b"`) || strings.Contains(err.Error(), "jokin") {
		t.Errorf("got error %v", err)
	}
}
