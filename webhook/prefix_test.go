package webhook_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

func TestServicesWithTwoPrefixesShareARedis(t *testing.T) {
	rdb := redistest.New(t)
	ours, theirs := webhook.NewStore(rdb, "leads-eu"), webhook.NewStore(rdb, "leads-us")
	seed(t, theirs, hook("a", "USA_1"), hook("b", "USA_2"))
	if hooks, err := ours.Webhooks(t.Context(), "USA_1"); !errors.Is(err, webhook.ErrNotSeeded) {
		t.Errorf("the webhooks of another prefix: got %v, error %v, want none", hooks, err)
	}
	changes, err := ours.Seed(t.Context(), []lead.Webhook{hook("b", "USA_7")}, webhook.SeedOptions{Prune: true})
	if err != nil || len(changes) != 1 {
		t.Fatalf("an id that another prefix has: got %v, error %v, want it added", changes, err)
	}
	if hooks, err := theirs.Webhooks(t.Context(), "USA_1"); err != nil || len(hooks) != 1 {
		t.Errorf("after the other's prune: got %v, error %v, want one webhook", hooks, err)
	}
	keys, err := rdb.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "leads-eu:{") && !strings.HasPrefix(key, "leads-us:{") {
			t.Errorf("the key %s has no prefix", key)
		}
	}
}

func TestChangesUnderAPrefixAreAnnouncedUnderIt(t *testing.T) {
	rdb := redistest.New(t)
	sub := rdb.Subscribe(t.Context(), "leads-eu:webhooks:changed")
	defer sub.Close()
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	seed(t, webhook.NewStore(rdb, "leadhook"), hook("a", "USA_1"))
	seed(t, webhook.NewStore(rdb, "leads-eu"), hook("b", "USA_2"))
	message, err := sub.ReceiveMessage(t.Context())
	if err != nil || message.Payload != `["USA_2"]` {
		t.Errorf("announced: got %v, error %v, want the one of the prefix", message, err)
	}
}
