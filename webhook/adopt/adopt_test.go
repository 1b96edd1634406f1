package adopt_test

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/adopt"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// An oldRedis has webhooks in the layout of before.
type oldRedis struct{ *miniredis.Miniredis }

func newOldRedis(t *testing.T) oldRedis {
	r := oldRedis{miniredis.RunT(t)}
	for n := range shares.Count {
		if err := r.Set(fmt.Sprintf("leadhook:{%d}:seeded", n), "1"); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// put stores a webhook, and that its version was disabled; "" if none was.
func (r oldRedis) put(advertiser, id, url, disabled string) {
	record := `{"v":1,"url":"` + url + `","authorization":"Bearer s3cret","event":"new_contact","lead_types":["calls"],"format":"json","active":true}`
	shard := fmt.Sprintf("leadhook:{%d}:", shares.Of(advertiser))
	r.HSet(shard+"webhooks:"+advertiser, id, record)
	r.own(advertiser, id)
	if disabled == "this" {
		sum := sha1.Sum([]byte(record)) // as the old layout did
		disabled = hex.EncodeToString(sum[:])[:16]
	}
	if disabled != "" {
		r.HSet(shard+"standing:"+advertiser, "disabled:"+id, `{"v":"`+disabled+`","at":"2026-11-20T10:00:00Z","reason":"gone","status":410}`)
	}
}

// own gives an id to an advertiser.
func (r oldRedis) own(advertiser, id string) {
	r.HSet(fmt.Sprintf("leadhook:{%d}:owners", shares.Of(id)), id, advertiser)
}

func TestWhatTheOldLayoutHasIsTakenOver(t *testing.T) {
	server := newOldRedis(t)
	server.put("A", "a1", "https://crm.example.com/a1", "this")
	server.put("A", "a2", "https://crm.example.com/a2", "another version")
	server.put("A", "a3", "ftp://crm.example.com/a3", "")
	server.put("B", "b1", "https://crm.example.com/b1", "")
	server.own("A", "removed")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	found, err := adopt.Read(t.Context(), rdb, "leadhook")
	if err != nil {
		t.Fatal(err)
	}

	k := kafkatest.New(t)
	tp := topic.New(k.Client, k.Topic(t, 1, "cleanup.policy=compact"))
	t.Cleanup(func() { _ = tp.Close() })
	log := &follow.Log{Topic: tp, Shares: shares.New(rdb, "leadhook"), Boxes: seal.New([]seal.Key{seal.NewKey()}, false)}
	editor := &edit.Editor{Log: log, By: "someone", With: "a test"}
	for _, want := range []int{4, 0} { // the second time there is nothing left to do
		if added, err := editor.Adopt(t.Context(), found.Owners, found.Lists); err != nil || added != want {
			t.Fatalf("%d webhooks were added, %v, want %d", added, err, want)
		}
	}

	hooks, err := webhook.Catalog{Log: log}.Webhooks(t.Context(), "A", "B")
	if err != nil || len(hooks) != 4 {
		t.Fatalf("%d webhooks, %v, want 4", len(hooks), err)
	}
	a1, a2, a3, b1 := hooks[0], hooks[1], hooks[2], hooks[3]
	if a1.URL != "https://crm.example.com/a1" || a1.Authorization != "Bearer s3cret" || a1.LeadTypes != lead.Calls || !a1.Active ||
		a1.Disabled.Reason != lead.Gone || a1.Disabled.Status != 410 || a1.Disabled.At.IsZero() {
		t.Errorf("a1 is %+v", a1)
	}
	if a2.Disabled != (lead.Disabled{}) || a2.Damaged != "" {
		t.Errorf("a2, of which another version was disabled, is %+v", a2)
	}
	if !strings.Contains(a3.Damaged, "url") {
		t.Errorf("a3, whose URL is no longer allowed, is %+v", a3)
	}
	if b1.ID != "b1" || b1.Advertiser != "B" {
		t.Errorf("b1 is %+v", b1)
	}
	taken := lead.Webhook{
		ID: "removed", Advertiser: "B", URL: "https://crm.example.com/b2", Trigger: lead.NewContact, LeadTypes: lead.AllLeadTypes, Format: lead.JSON,
	}
	if _, err := editor.Seed(t.Context(), []lead.Webhook{taken}, edit.SeedOptions{}); err == nil || !strings.Contains(err.Error(), "belongs to") {
		t.Errorf("the id of a webhook that was removed before is given to another advertiser: %v", err)
	}
}

func TestAnOldLayoutThatLacksAPartIsRefused(t *testing.T) {
	server := newOldRedis(t)
	server.put("A", "a1", "https://crm.example.com/a1", "")
	server.Del("leadhook:{63}:seeded")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	if _, err := adopt.Read(t.Context(), rdb, "leadhook"); !errors.Is(err, adopt.ErrIncomplete) {
		t.Errorf("error %v, want %v", err, adopt.ErrIncomplete)
	}
}
