package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// many are webhooks of one advertiser, each with a host of its own.
func many(n int) hooks {
	all := make(hooks, n)
	for i := range all {
		all[i] = webhook(fmt.Sprint("w", i), fmt.Sprintf("https://crm%d.example.com/", i))
		all[i].Version = "1"
	}
	return all
}

// paused has the webhooks' next leads wait: each has a tiny rate, and had one just now.
func (r *rig) paused(t *testing.T, all hooks) {
	t.Helper()
	for _, hook := range all {
		hook.Rate = lead.MinRate
	}
	r.handle(t, message(numbered(1000)))
}

func TestWhatWaitsForManyWebhooksHoldsOneGoroutine(t *testing.T) {
	all := many(100)
	crms := &counting{}
	opts := waiting()
	opts.OpenEvents = 20_000 // all may wait
	bubbleOf(t, opts, all, crms.answer, func(t *testing.T, r *rig) {
		r.paused(t, all[1:])
		synctest.Wait()
		before := runtime.NumGoroutine()
		const events = 10
		var wg sync.WaitGroup
		for n := range events {
			wg.Go(func() { r.handle(t, message(numbered(n))) })
			synctest.Wait()
		}
		if n := len(r.wheel.all()); n > 0 {
			t.Errorf("%d were put off, want all waiting", n)
		}
		if got := runtime.NumGoroutine() - before; got > 2*events {
			t.Errorf("got %d goroutines for %d events that wait for 99 webhooks each, want one an event", got, events)
		}
		if got := crms.posts["crm0.example.com"]; got != 1+events {
			t.Errorf("got %d POSTs to the CRM that takes all, want %d while the others wait", got, 1+events)
		}
		wg.Wait()
		if got := r.count(t, "leadhook_deliveries_total", "json", "deferred"); got != 99*events {
			t.Errorf("got %v deferred, want %d", got, 99*events)
		}
		r.wantDelivered(t)
	})
}

func TestEachOfManyDeliveriesHasItsOwnOutcome(t *testing.T) {
	all := many(6)
	all[1].Damaged = "unreadable"
	calm := true
	bubbleOf(t, waiting(), all, func(req *http.Request) (*http.Response, error) {
		switch host := req.URL.Host; {
		case calm:
		case host == "crm3.example.com":
			return status(http.StatusBadRequest)
		case host == "crm4.example.com":
			return status(http.StatusInternalServerError)
		case host == "crm5.example.com":
			panic("a bug")
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		r.paused(t, all[2:3])
		r.letters.buried, calm = nil, false
		r.handle(t, message(numbered(1)))
		r.handle(t, message(numbered(1))) // of which the ledger knows all
		got := map[string]string{}
		for _, letter := range r.letters.all() {
			got[letter.Webhook] += string(letter.Reason) + " "
		}
		for _, w := range r.wheel.all() {
			got[w.Webhook] += fmt.Sprintf("waits after %d ", w.Attempts)
		}
		want := map[string]string{
			"w1": "webhook_damaged ", "w2": "waits after 0 ", "w3": "refused ", "w4": "waits after 3 ", "w5": "internal ",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %v,\nwant %v", got, want)
		}
		if n := r.count(t, "leadhook_deliveries_total", "json", "delivered"); n != 6 {
			t.Errorf("got %v delivered, want 6", n)
		}
		if n := r.count(t, "leadhook_deliveries_total", "json", "repeated"); n != 6 {
			t.Errorf("got %v repeated, want 6", n)
		}
	})
}

func TestWebhooksThatChangeWhileAnEventWaitsForMany(t *testing.T) {
	const n = 100
	first := many(n)
	all := &changing{hooks: map[string]hooks{"USA_1": first}}
	crms := &counting{}
	bubbleOf(t, waiting(), all, crms.answer, func(t *testing.T, r *rig) {
		r.paused(t, first)
		var wg sync.WaitGroup
		wg.Go(func() { r.handle(t, message(numbered(0))) })
		time.Sleep(time.Second)
		next := many(n)
		for i, hook := range next {
			hook.URL = fmt.Sprintf("https://new%d.example.com/", i)
			hook.Version = "2"
		}
		next[1].Active = false
		next[2] = first[2]
		all.set("USA_1", slices.Delete(next, 0, 1))
		began := time.Now()
		r.WebhooksChanged("USA_1")
		synctest.Wait()
		if got := crms.posts; got["new3.example.com"] != 1 || got["new99.example.com"] != 1 || got["crm3.example.com"] != 1 {
			t.Errorf("got %v POSTs, want one to the new host of each", got)
		}
		wg.Wait()
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("the event ended %v after the change", took)
		}
		var got []string
		for _, letter := range r.letters.all() {
			got = append(got, letter.Webhook+" "+string(letter.Reason))
		}
		slices.Sort(got)
		if want := "[w0 webhook_removed w1 webhook_inactive]"; fmt.Sprint(got) != want {
			t.Errorf("got %v, want %s", got, want)
		}
		if parked := r.wheel.all(); len(parked) != 1 || parked[0].Webhook != "w2" {
			t.Errorf("got %d put off, want that of the webhook that did not change", len(parked))
		}
	})
}

func TestTheEndOfTheContextWhileAnEventWaitsForMany(t *testing.T) {
	const n, begun = 100, 3
	all := many(n)
	stopped := errors.New("the partition moved on")
	hang := make(chan struct{})
	var mu sync.Mutex
	calm, posts := true, 0
	bubbleOf(t, waiting(), all, func(*http.Request) (*http.Response, error) {
		mu.Lock()
		posts++
		mu.Unlock()
		if !calm {
			<-hang
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		hang = make(chan struct{}) // of this bubble
		r.paused(t, all[begun:])
		mu.Lock()
		calm = false
		mu.Unlock()
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Handle(ctx, message(numbered(0)), func(int) {}) }()
		synctest.Wait()
		cancel(stopped)
		err := <-ended
		if !errors.Is(err, stopped) || strings.Count(err.Error(), "is not settled") != n-begun {
			t.Errorf("got %v, want %d deliveries not settled", err, n-begun)
		}
		if parked := r.wheel.all(); len(parked) != begun {
			t.Errorf("got %d handed over, want the %d attempts", len(parked), begun)
		}
		close(hang)
		synctest.Wait()
		if posts != n+begun {
			t.Errorf("got %d POSTs, want %d", posts, n+begun)
		}
		calm = true
		for _, hook := range all {
			hook.Version, hook.Rate = "2", 0
		}
		time.Sleep(time.Minute)
		r.handle(t, message(numbered(0))) // no delivery is still in progress, and no ticket lost
		if posts != n+begun+n {
			t.Errorf("got %d POSTs in all, want %d", posts, n+begun+n)
		}
	})
}

// TestEventsThatComeTwiceForManyWebhooksWaitForEachOther has the second look the webhooks
// up in another order.
func TestEventsThatComeTwiceForManyWebhooksWaitForEachOther(t *testing.T) {
	var mu sync.Mutex
	forward, backward := many(20), many(20)
	slices.Reverse(backward)
	times := 0
	crms := &counting{}
	bubbleOf(t, waiting(), hooksFunc(func(context.Context, string) ([]*lead.Webhook, error) {
		mu.Lock()
		defer mu.Unlock()
		if times++; times%2 == 0 {
			return backward, nil
		}
		return forward, nil
	}), func(req *http.Request) (*http.Response, error) {
		time.Sleep(100 * time.Millisecond)
		return crms.answer(req)
	}, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { r.handle(t, message(numbered(0))) })
		}
		wg.Wait()
		for host, posts := range crms.posts {
			if posts != 1 {
				t.Errorf("got %d POSTs to %s, want 1", posts, host)
			}
		}
	})
}

func TestTheLedgerIsAskedAgainAfterALongWaitForMany(t *testing.T) {
	all := many(3)
	all[1].Rate, all[2].Rate = .2, .2
	crms := &counting{}
	bubbleOf(t, waiting(), all, crms.answer, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		r.handle(t, message(numbered(0)))
		var wg sync.WaitGroup
		wg.Go(func() { r.handle(t, message(numbered(1))) })
		time.Sleep(time.Second)
		delivery := lead.DeliveryID(&lead.Event{AdvertiserID: "USA_1", LeadID: "2", Trigger: lead.NewContact}, "w1")
		r.ledger.Note("2", delivery, lead.MarkDelivered) // as another instance would
		wg.Wait()
		if got := crms.posts; got["crm0.example.com"] != 2 || got["crm1.example.com"] != 1 || got["crm2.example.com"] != 2 {
			t.Errorf("got %v POSTs, want one less to the webhook that has the lead", got)
		}
		if n := r.count(t, "leadhook_deliveries_total", "json", "repeated"); n != 1 {
			t.Errorf("got %v repeated, want 1", n)
		}
	})
}

// TestTheCallerIsToldHowManyDeliveriesOfManyAreOpen has one of four CRMs take its time.
func TestTheCallerIsToldHowManyDeliveriesOfManyAreOpen(t *testing.T) {
	bubbleOf(t, waiting(), many(4), func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "crm2.example.com" {
			time.Sleep(time.Second)
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		var told []int
		began := time.Now()
		err := r.Handle(t.Context(), message(numbered(0)), func(open int) {
			if told = append(told, open); open == 1 && time.Since(began) > 0 {
				t.Error("told of the last only when it ended")
			}
		})
		if want := "[4 3 2 1 0]"; err != nil || fmt.Sprint(told) != want {
			t.Errorf("told %v, error %v, want %s", told, err, want)
		}
	})
}
