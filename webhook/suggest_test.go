package webhook_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

func TestSuggestions(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	var hooks []lead.Webhook
	for n := range 3000 {
		hooks = append(hooks, hook(fmt.Sprintf("many-%04d", n), fmt.Sprintf("USA_%d", n%7)))
	}
	for n, id := range []string{"a*b", "axb", `a\[b`} {
		h := hook("h", fmt.Sprintf("CAN_%d", n+1))
		h.ID = id
		hooks = append(hooks, h)
	}
	if _, err := store.Seed(t.Context(), hooks, webhook.SeedOptions{PerAdvertiser: 1000}); err != nil {
		t.Fatal(err)
	}

	for prefix, want := range map[string]string{
		"a*": "[{a*b CAN_1}]", `a\[`: `[{a\[b CAN_3}]`, "a": `[{a*b CAN_1} {a\[b CAN_3} {axb CAN_2}]`,
		"many-0042": "[{many-0042 USA_0}]", "no-such": "[]",
	} {
		if got := fmt.Sprint(store.SuggestWebhooks(t.Context(), prefix, 100)); got != want {
			t.Errorf("webhooks %q: got %s, want %s", prefix, got, want)
		}
	}
	if got := store.SuggestWebhooks(t.Context(), "many-", 100); len(got) != 100 {
		t.Errorf("got %d suggestions, want the 100 that were asked for", len(got))
	}
	if got := store.SuggestWebhooks(t.Context(), "", 1e6); len(got) != 3003 || !slices.IsSortedFunc(got, func(a, b webhook.ID) int {
		if a.Webhook < b.Webhook {
			return -1
		}
		return 1
	}) {
		t.Errorf("got %d suggestions, want all 3003, sorted", len(got))
	}
	for prefix, want := range map[string]string{"CAN": "[CAN_1 CAN_2 CAN_3]", "USA_6": "[USA_6]", "X": "[]"} {
		if got := fmt.Sprint(store.SuggestAdvertisers(t.Context(), prefix, 100)); got != want {
			t.Errorf("advertisers %q: got %s, want %s", prefix, got, want)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := store.SuggestWebhooks(over, "", 100); len(got) != 0 {
		t.Errorf("too late: got %v", got)
	}
}

func TestARemovedWebhookIsNotSuggested(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	seed(t, store, hook("gone", "A"), hook("going-on", "A"))
	keys := rdb.Keys(t.Context(), "leadhook:*:webhooks:A").Val()
	if err := rdb.HDel(t.Context(), keys[0], "gone").Err(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(store.SuggestWebhooks(t.Context(), "go", 100)); got != "[{going-on A}]" {
		t.Errorf("got %s, want only the one that is there", got)
	}
}
