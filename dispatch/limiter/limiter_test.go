package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// What the limiter does for webhooks is tested through the dispatcher. These
// tests are about its border.

func one() (*limiter.Limiter, limiter.Request) {
	l := limiter.New(limiter.Options{MaxInFlight: 1, OpenEvents: 10, OpenBytes: 1000})
	return l, limiter.Request{Webhook: &lead.Webhook{ID: "w", Advertiser: "a"}, Host: "https://crm.example.com", Size: 1}
}

func acquire(t *testing.T, l *limiter.Limiter, r limiter.Request, ticket *limiter.Ticket) {
	t.Helper()
	if notBefore, err := l.Acquire(t.Context(), r, ticket); err != nil || !notBefore.IsZero() {
		t.Fatalf("got %v, %v, want an attempt at once", notBefore, err)
	}
}

func TestATicketThatIsTakenBackGoesToTheNext(t *testing.T) {
	for name, back := range map[string]func(*limiter.Limiter, *limiter.Ticket){
		"Done":   func(l *limiter.Limiter, t *limiter.Ticket) { l.Done(t, limiter.Feedback{}) },
		"Cancel": (*limiter.Limiter).Cancel,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, r := one()
				var first, second limiter.Ticket
				acquire(t, l, r, &first)
				began := time.Now()
				time.AfterFunc(time.Second, func() { back(l, &first) })
				acquire(t, l, r, &second)
				if waited := time.Since(began); waited != time.Second {
					t.Errorf("got the second after %v, want it when the first is taken back", waited)
				}
				if n := l.InFlight(); n != 1 {
					t.Errorf("got %d in flight, want 1", n)
				}
				back(l, &second)
				if n := l.InFlight(); n != 0 {
					t.Errorf("got %d in flight, want none", n)
				}
			})
		})
	}
}

func TestTheEndOfCtxIsTheEndOfWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := one()
		var first, second limiter.Ticket
		acquire(t, l, r, &first)
		over := errors.New("over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, over)
		defer cancel()
		if _, err := l.Acquire(ctx, r, &second); !errors.Is(err, over) {
			t.Errorf("got %v, want the cause", err)
		}
		l.Cancel(&first)
		acquire(t, l, r, &second)
		l.Cancel(&second)
	})
}

func TestWebhooksThatAreFailingAreCountedByCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := one()
		failing := func(want map[lead.Cause]int) {
			t.Helper()
			got := l.Stats().Failing
			for _, cause := range lead.Causes {
				if got[cause] != want[cause] {
					t.Errorf("%s: got %d, want %d", cause, got[cause], want[cause])
				}
			}
		}
		attempt := func(result limiter.Result, cause lead.Cause) *limiter.Report {
			t.Helper()
			var ticket limiter.Ticket
			acquire(t, l, r, &ticket)
			return l.Done(&ticket, limiter.Feedback{Result: result, Cause: cause})
		}
		for range 4 {
			attempt(limiter.Refused, lead.CauseRefused)
		}
		failing(nil)
		if got := attempt(limiter.Refused, lead.CauseRefused); got == nil || got.Failing.Attempts != 5 {
			t.Errorf("got %+v, want the fifth noted at once", got)
		}
		failing(map[lead.Cause]int{lead.CauseRefused: 1})
		attempt(limiter.Refused, lead.CauseUnauthorized)
		failing(map[lead.Cause]int{lead.CauseUnauthorized: 1})
		attempt(limiter.Accepted, "")
		failing(nil)

		attempt(limiter.Refused, lead.CauseRefused)
		time.Sleep(59 * time.Minute)
		attempt(limiter.Refused, lead.CauseRefused)
		failing(nil)
		time.Sleep(time.Minute)
		attempt(limiter.Refused, lead.CauseRefused)
		failing(map[lead.Cause]int{lead.CauseRefused: 1})

		changed := *r.Webhook
		changed.Version = "another"
		r.Webhook = &changed
		attempt(limiter.Refused, lead.CauseRefused)
		failing(nil)
		known := changed
		known.Version = "a third"
		known.Failing = lead.Failing{Since: time.Now().Add(-time.Hour), Attempts: 9}
		known.LastFailure = lead.Failure{At: time.Now(), Cause: lead.CauseNotFound}
		r.Webhook = &known
		var ticket limiter.Ticket
		acquire(t, l, r, &ticket) // another instance saw it fail
		failing(map[lead.Cause]int{lead.CauseNotFound: 1})
		l.Cancel(&ticket)

		other := func(id string) {
			var ticket limiter.Ticket
			o := r
			o.Webhook = &lead.Webhook{ID: id, Advertiser: id, Active: true}
			acquire(t, l, o, &ticket)
			l.Cancel(&ticket)
		}
		time.Sleep(30 * time.Minute)
		other("o1")
		failing(map[lead.Cause]int{lead.CauseNotFound: 1})
		time.Sleep(31 * time.Minute)
		for i := range 4 {
			other(fmt.Sprint("p", i))
		}
		failing(nil)
	})
}

func TestDoubtsAreToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := one()
		attempt := func() int {
			var ticket limiter.Ticket
			acquire(t, l, r, &ticket)
			if got := l.Done(&ticket, limiter.Feedback{Result: limiter.Accepted, Doubt: true}); got != nil {
				return got.Doubts
			}
			return 0
		}
		if got := []int{attempt(), attempt(), attempt()}; !slices.Equal(got, []int{1, 0, 0}) {
			t.Errorf("got %v", got)
		}
		time.Sleep(time.Minute)
		if got := attempt(); got != 3 {
			t.Errorf("a minute later: got %d, want those that were not told, and this one", got)
		}
	})
}

func TestAReportTellsWhatAnOutcomeChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := one()
		attempt := func(result limiter.Result) *limiter.Report {
			var ticket limiter.Ticket
			acquire(t, l, r, &ticket)
			return l.Done(&ticket, limiter.Feedback{Result: result})
		}
		if got := attempt(limiter.Accepted); got != nil {
			t.Errorf("got %+v, want nothing changed", got)
		}
		if got := attempt(limiter.Failed); got == nil || *got != (limiter.Report{Failing: lead.Failing{Since: time.Now(), Attempts: 1}}) {
			t.Errorf("got %+v, want that it is failing", got)
		}
		for range 3 {
			attempt(limiter.Failed)
		}
		if got := attempt(limiter.Failed); got == nil || !got.Opened {
			t.Errorf("got %+v, want the breaker opened", got)
		}
		var ticket limiter.Ticket
		if notBefore, err := l.Acquire(t.Context(), r, &ticket); err != nil || !notBefore.After(time.Now()) {
			t.Errorf("got %v, %v, want it held", notBefore, err)
		}
		time.Sleep(time.Minute)
		if got := attempt(limiter.Accepted); got == nil || !got.Closed || !got.Recovered {
			t.Errorf("got %+v, want it recovered", got)
		}
		l.Reannounce(r.Webhook)
		time.Sleep(2 * time.Minute)
		if got := attempt(limiter.Accepted); got == nil || !got.Recovered {
			t.Errorf("got %+v, want the recovery told again", got)
		}
		if got := attempt(limiter.Gone); got == nil || got.Disable != lead.Gone {
			t.Errorf("got %+v, want it disabled", got)
		}
	})
}

// TestWhatFailsDoesNotComeAgainAllTogether has webhooks fail for which thousands of leads
// come, again and again: each time that one comes costs CPU.
func TestWhatFailsDoesNotComeAgainAllTogether(t *testing.T) {
	for _, c := range []struct{ hooks, leads int }{{1, 20_000}, {100, 300}, {5000, 8}} {
		t.Run(fmt.Sprint(c.hooks), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limiter.New(limiter.Options{MaxInFlight: 64, OpenEvents: 2000, OpenBytes: 64 << 20})
				bySecond := map[int]int{}
				began := time.Now()
				for n := range (5 + c.leads) * c.hooks { // the first five of each fail
					id := fmt.Sprint(n % c.hooks)
					r := limiter.Request{Webhook: &lead.Webhook{ID: id, Advertiser: id}, Host: "https://" + id + ".example.com", Size: 1}
					var ticket limiter.Ticket
					if n < 5*c.hooks {
						acquire(t, l, r, &ticket)
						l.Done(&ticket, limiter.Feedback{})
						continue
					}
					notBefore, err := l.Acquire(t.Context(), r, &ticket)
					if err != nil || notBefore.Sub(began) < 10*time.Second || notBefore.Sub(began) > time.Minute {
						t.Fatalf("got %v, %v, want it put off for some time", notBefore, err)
					}
					bySecond[int(notBefore.Sub(began)/time.Second)]++
				}
				for second, n := range bySecond {
					if allowed := 2500 + c.hooks; n > allowed {
						t.Errorf("%d of %d come again in second %d, want %d at most", n, c.hooks*c.leads, second, allowed)
					}
				}
			})
		})
	}
}

// TestNoRateStopsTheOthers has rates that no seed file may have, since the limiter
// must not rely on that, and beside them a CRM that hangs.
func TestNoRateStopsTheOthers(t *testing.T) {
	for _, rate := range []float64{5e-324, 1e-12, -1e-12, -1, math.Inf(-1), math.NaN(), lead.MinRate, lead.MaxRate, 1e18, 1e300, math.Inf(1)} {
		for _, took := range []time.Duration{100 * time.Millisecond, 5 * time.Second} {
			t.Run(fmt.Sprintf("%v, %v", rate, took), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { noRateStopsTheOthers(t, rate, took) })
			})
		}
	}
}

func noRateStopsTheOthers(t *testing.T, rate float64, took time.Duration) {
	l := limiter.New(limiter.Options{MaxInFlight: 64, OpenEvents: 2000, OpenBytes: 64 << 20})
	odd := &crowd{Limiter: l, took: took, hook: lead.Webhook{ID: "odd", Advertiser: "a", Rate: rate}}
	hangs := &crowd{Limiter: l, took: 5 * time.Second, hook: lead.Webhook{ID: "hangs", Advertiser: "b"}}
	room := make(chan struct{}, 2000) // as the consumer bounds what is open
	var wg sync.WaitGroup
	for n := range 5000 {
		who := odd
		if n%2 == 0 {
			who = hangs
		}
		room <- struct{}{}
		wg.Go(func() {
			who.ask(t, n%8 < 2)
			<-room
		})
	}
	wg.Wait()
	if odd.began == 0 || odd.waiting > 0 || hangs.waiting > 0 {
		t.Errorf("got %d attempts, %d put off, and after 20s %d still waiting and %d of the other", odd.began, odd.later, odd.waiting, hangs.waiting)
	}
	if rate < 1 && odd.began > 1 {
		t.Errorf("got %d attempts at once at a rate of %v, want one", odd.began, rate)
	}
	asked := time.Now()
	var ticket limiter.Ticket
	acquire(t, l, limiter.Request{Webhook: &lead.Webhook{ID: "w", Advertiser: "c"}, Host: "https://crm.example.com", Size: 1}, &ticket)
	if waited := time.Since(asked); waited > 0 {
		t.Errorf("another webhook waited for %v", waited)
	}
	l.Cancel(&ticket)
}

// A crowd asks for attempts at one webhook, whose CRM takes what it gets, slowly.
type crowd struct {
	*limiter.Limiter

	hook lead.Webhook
	took time.Duration

	mu                    sync.Mutex
	began, later, waiting int // guarded by mu
}

// ask asks for an attempt and makes it, and waits for that for 20 seconds at most.
func (c *crowd) ask(t *testing.T, returned bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var ticket limiter.Ticket
	r := limiter.Request{Webhook: &c.hook, Host: "https://" + c.hook.ID + ".example.com", Size: 1000, Returned: returned}
	notBefore, err := c.Acquire(ctx, r, &ticket)
	count := &c.later
	switch {
	case err != nil:
		count = &c.waiting
	case notBefore.IsZero():
		count = &c.began
		time.Sleep(c.took)
		c.Done(&ticket, limiter.Feedback{Result: limiter.Accepted, Took: c.took})
	case !notBefore.After(time.Now()) || time.Until(notBefore) > 3*time.Hour:
		t.Errorf("got it put off for %v", time.Until(notBefore))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*count++
}
