package webhook_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

// browse reads on behind an id, at most limit webhooks.
func browse(t *testing.T, store *webhook.Store, after string, limit int) []*lead.Webhook {
	t.Helper()
	var page []*lead.Webhook
	for h, err := range store.All(t.Context(), after) {
		if err != nil {
			t.Fatal(err)
		}
		if page = append(page, h); len(page) == limit {
			break
		}
	}
	return page
}

func TestPagesShowEveryWebhookOnceWhateverChangesBetweenThem(t *testing.T) {
	store := webhook.NewStore(redistest.New(t), "leadhook")
	var hooks []lead.Webhook
	for n := range 3000 {
		hooks = append(hooks, hook(fmt.Sprint("w", n), fmt.Sprint("USA_", n%700)))
	}
	seed(t, store, hooks...)
	seen := make(map[string]int)
	after := ""
	for n := 0; ; n++ {
		page := browse(t, store, after, 7)
		for _, h := range page {
			seen[h.ID]++
		}
		if len(page) < 7 {
			break
		}
		after = page[6].ID
		if n%100 == 0 { // one more, and one that was shown already changes
			hooks[0].Active = !hooks[0].Active
			seed(t, store, hook(fmt.Sprint("later", n), "USA_1"), hooks[0])
		}
	}
	for _, h := range hooks {
		if seen[h.ID] != 1 {
			t.Errorf("webhook %s was shown %d times, want once", h.ID, seen[h.ID])
		}
	}
	if page := browse(t, store, "no such id", 0); len(page) == 0 || len(page) >= 3000 {
		t.Errorf("behind an id that does not exist: got %d webhooks, want some", len(page))
	}
}

func TestAPageReadsLittleOfWhatThereIs(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	var hooks []lead.Webhook
	for n := range 20_000 {
		hooks = append(hooks, hook(fmt.Sprint("w", n), fmt.Sprint("USA_", n)))
	}
	seed(t, store, hooks...)
	records := 0
	rdb.AddHook(watcher{before: func(cmds []redis.Cmder) {
		for _, cmd := range cmds {
			if cmd.Name() == "hget" {
				records++
			}
		}
	}})
	if page := browse(t, store, "", 10); len(page) != 10 || records > 300 {
		t.Errorf("got %d webhooks from %d records read, want 10 from 300 at most", len(page), records)
	}
}

func TestWhatIsYieldedIsCompleteWithItsStanding(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	a, b := full("a", "USA_1"), hook("b", "USA_2")
	seed(t, store, a, b)
	noteFailing(t, store, stored(t, store, a))
	disable(t, store, stored(t, store, a), true)
	for _, want := range []*lead.Webhook{stored(t, store, a), stored(t, store, b)} {
		all := browse(t, store, "", 0)
		at := slices.IndexFunc(all, func(h *lead.Webhook) bool { return h.ID == want.ID })
		if at < 0 {
			t.Fatalf("webhook %s is missing", want.ID)
		}
		found, err := store.Find(t.Context(), want.ID)
		if diff := cmp.Diff(want, all[at], revealed) + cmp.Diff(want, found, revealed); err != nil || diff != "" {
			t.Errorf("error %v, webhook %s (-want +got):\n%s", err, want.ID, diff)
		}
	}
}

func TestWhatIsNotThereAndWhatIsLostAreToldApart(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	for step, want := range []error{webhook.ErrNotSeeded, webhook.ErrNoWebhook, webhook.ErrNotSeeded} {
		switch step {
		case 1:
			seed(t, store, hook("a", "USA_1"))
		case 2:
			if err := rdb.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		_, err := store.Find(t.Context(), "b")
		if !errors.Is(err, want) || step == 1 && !strings.Contains(err.Error(), `"b"`) {
			t.Errorf("step %d: Find: got error %v, want %v", step, err, want)
		}
		for _, err := range store.All(t.Context(), "") {
			if step != 1 && !errors.Is(err, want) {
				t.Errorf("step %d: All: got error %v, want %v", step, err, want)
			}
		}
	}
}

func TestRedisThatIsEmptiedWhileAllIsReadIsNoticed(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	seed(t, store, hook("a", "USA_1"), hook("b", "USA_2"), hook("c", "USA_3"))
	var last error
	for _, err := range store.All(t.Context(), "") {
		if last = err; err == nil {
			if err := rdb.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(last, webhook.ErrNotSeeded) {
		t.Errorf("got error %v at the end, want ErrNotSeeded", last)
	}
}

func TestFieldsHideWhatIsSecret(t *testing.T) {
	h := full("a", "USA_1")
	h.Headers = map[string]lead.Secret{"X-Token": "hush", "accept": "text/plain"}
	h.URL = "https://crm.example.com/Leads/hush?key=hush"
	for _, reveal := range []bool{false, true} {
		got := fmt.Sprint(webhook.Fields(&h, reveal))
		for _, secret := range []string{"hush", "jokin", "whsec_"} {
			if strings.Contains(got, secret) != reveal {
				t.Errorf("reveal %t: got %s", reveal, got)
			}
		}
		if !strings.Contains(got, "https://crm.example.com/Leads/") || !strings.Contains(got, "text/plain") {
			t.Errorf("reveal %t: got %s, want the beginning of the URL, and what the CRM may answer", reveal, got)
		}
	}
}
