package dispatch_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// changing are the webhooks of advertisers, which a test changes, and how often they
// were looked up.
type changing struct {
	mu      sync.Mutex
	hooks   map[string]hooks // guarded by mu; by advertiser
	lookUps map[string]int   // guarded by mu
}

func (c *changing) For(ctx context.Context, advertiser string, _ time.Time) ([]*lead.Webhook, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lookUps == nil {
		c.lookUps = make(map[string]int)
	}
	c.lookUps[advertiser]++
	return c.hooks[advertiser], context.Cause(ctx)
}

func (c *changing) set(advertiser string, h hooks) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks[advertiser] = h
}

// counting are CRMs that accept each lead at once.
type counting struct {
	mu    sync.Mutex
	posts map[string]int // by host; guarded by mu until all POSTs are over
}

func (c *counting) answer(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.posts == nil {
		c.posts = make(map[string]int)
	}
	c.posts[req.URL.Host]++
	return status(http.StatusOK)
}

// slowly is a webhook with a tiny rate: its first lead goes at once, the others wait.
func slowly(advertiser string) *lead.Webhook {
	hook := webhook("w-"+advertiser, "https://old.example.com/")
	hook.Advertiser, hook.Version, hook.Rate = advertiser, "1", lead.MinRate
	return hook
}

// messageOf is a lead of an advertiser.
func messageOf(advertiser string, n int) *lead.Message {
	m := message(numbered(n))
	m.Value = []byte(strings.Replace(string(m.Value), "USA_1", advertiser, 1))
	return m
}

func TestAChangedWebhookWakesWhatWaitsForIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(h *lead.Webhook) // nil: it is removed
		reason lead.Reason           // empty: its leads are delivered
	}{
		{"a higher rate", func(h *lead.Webhook) { h.Rate, h.Version = 1000, "2" }, ""},
		{"no rate", func(h *lead.Webhook) { h.Rate, h.Version = 0, "2" }, ""},
		{"removed", nil, lead.WebhookRemoved},
		{"inactive", func(h *lead.Webhook) { h.Active, h.Version = false, "2" }, lead.WebhookInactive},
		{"damaged", func(h *lead.Webhook) { h.Damaged, h.Version = "unreadable", "" }, lead.WebhookDamaged},
		{"disabled by the service", func(h *lead.Webhook) { h.Disabled = lead.Disabled{At: time.Now(), Reason: lead.Gone} }, lead.WebhookDisabled},
	} {
		t.Run(c.name, func(t *testing.T) {
			const leads = 10
			all := &changing{hooks: map[string]hooks{"USA_1": {slowly("USA_1")}}}
			crms := &counting{}
			bubbleOf(t, waiting(), all, crms.answer, func(t *testing.T, r *rig) {
				r.ledger.tells = true
				var wg sync.WaitGroup
				for n := range leads {
					wg.Go(func() { r.handle(t, messageOf("USA_1", n)) })
				}
				time.Sleep(time.Second)
				changed := slowly("USA_1")
				changed.URL = "https://new.example.com/"
				all.set("USA_1", nil)
				if c.change != nil {
					c.change(changed)
					all.set("USA_1", hooks{changed})
				}
				began := time.Now()
				r.WebhooksChanged("USA_2")
				r.WebhooksChanged("USA_1")
				wg.Wait()
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Errorf("what waited was looked at %v after the change, want at once", took)
				}
				after := 0
				if c.reason == "" {
					after = leads - 1
				}
				if got := crms.posts; got["old.example.com"] != 1 || got["new.example.com"] != after || len(r.wheel.all()) > 0 {
					t.Errorf("got %v POSTs and %d put off, want 1 before the change, %d after it and none put off", got, len(r.wheel.all()), after)
				}
				letters := r.letters.all()
				if len(letters) != leads-1-after {
					t.Errorf("got %d dead letters, want %d", len(letters), leads-1-after)
				}
				for _, letter := range letters {
					if letter.Reason != c.reason || letter.Webhook != "w-USA_1" || letter.Attempts != 0 {
						t.Errorf("got %s of %q after %d attempts, want %s", letter.Reason, letter.Webhook, letter.Attempts, c.reason)
					}
				}
			})
		})
	}
}

// TestAnotherWebhooksChangeChangesNothing has an advertiser's list change again and
// again, though not the webhook that its leads wait for.
func TestAnotherWebhooksChangeChangesNothing(t *testing.T) {
	one := slowly("USA_1")
	one.Rate = .5
	all := &changing{hooks: map[string]hooks{"USA_1": {one}, "USA_2": {slowly("USA_2")}}}
	var mu sync.Mutex
	var at []time.Time
	bubbleOf(t, waiting(), all, func(*http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, time.Now())
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		returning := r.turning(t)
		var wg sync.WaitGroup
		wg.Go(func() { r.handle(t, messageOf("USA_2", 0)) })
		synctest.Wait()
		for n := range 8 {
			wg.Go(func() { r.handle(t, messageOf("USA_1", n)) })
		}
		wg.Go(func() { r.handle(t, messageOf("USA_2", 1)) }) // waits
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			r.WebhooksChanged("USA_1")
		}
		if n := all.lookUps["USA_2"]; n != 2 {
			t.Errorf("got %d look-ups of the other advertiser, want one for each of its leads", n)
		}
		all.set("USA_2", nil)
		r.WebhooksChanged("USA_2")
		wg.Wait()
		returning.Wait()
		if len(at) != 9 {
			t.Fatalf("got %d POSTs, want 8 and the other's one", len(at))
		}
		for i := 2; i < len(at); i++ { // the first two are one of each
			if pause := at[i].Sub(at[i-1]); pause < 2*time.Second {
				t.Errorf("got %v between two POSTs, want one in two seconds", pause)
			}
		}
		if letter := r.onlyLetter(t); letter.Reason != lead.WebhookRemoved {
			t.Errorf("got a dead letter with the reason %s, want %s", letter.Reason, lead.WebhookRemoved)
		}
	})
}

// TestTheNextLeadTellsOfAChange: what waits must not go to the old address when a lead
// came for the new one.
func TestTheNextLeadTellsOfAChange(t *testing.T) {
	all := &changing{hooks: map[string]hooks{"USA_1": {slowly("USA_1")}}}
	crms := &counting{}
	bubbleOf(t, waiting(), all, crms.answer, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		for n := range 5 {
			wg.Go(func() { r.handle(t, messageOf("USA_1", n)) })
		}
		time.Sleep(time.Second)
		changed := slowly("USA_1")
		changed.URL, changed.Rate, changed.Version = "https://new.example.com/", 0, "2"
		all.set("USA_1", hooks{changed})
		began := time.Now()
		r.handle(t, messageOf("USA_1", 5))
		wg.Wait()
		if took, got := time.Since(began), crms.posts; took > 0 || got["old.example.com"] != 1 || got["new.example.com"] != 5 {
			t.Errorf("got %v POSTs after %v, want 5 to the new address at once", got, took)
		}
		r.wantDelivered(t)
	})
}

func TestTheEndOfContextEndsLookingAgain(t *testing.T) {
	hook := slowly("USA_1")
	var blocked bool
	var mu sync.Mutex
	all := hooksFunc(func(ctx context.Context, _ string) ([]*lead.Webhook, error) {
		mu.Lock()
		wait := blocked
		mu.Unlock()
		if wait { // Redis is away
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		return hooks{hook}, nil
	})
	bubbleOf(t, waiting(), all, func(*http.Request) (*http.Response, error) { return status(http.StatusOK) }, func(t *testing.T, r *rig) {
		over := errors.New("over")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		r.handle(t, messageOf("USA_1", 0))
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { err = r.Handle(ctx, messageOf("USA_1", 1), func(int) {}) })
		synctest.Wait()
		mu.Lock()
		blocked = true
		mu.Unlock()
		r.WebhooksChanged("USA_1")
		synctest.Wait()
		cancel(over)
		wg.Wait()
		if !errors.Is(err, over) || len(r.letters.all())+len(r.wheel.all()) > 0 {
			t.Errorf("got error %v, %d dead letters and %d put off, want the message unsettled", err, len(r.letters.all()), len(r.wheel.all()))
		}
	})
}
