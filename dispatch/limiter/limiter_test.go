package limiter_test

import (
	"context"
	"errors"
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
