package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
)

// turn brings back what is parked when it is due, until nothing is.
func (r *rig) turn(t *testing.T) {
	t.Helper()
	r.turning(t).Wait()
}

// turning brings back what is parked when it is due, from now on.
func (r *rig) turning(t *testing.T) *sync.WaitGroup {
	var wg sync.WaitGroup
	r.wheel.bring(func(n int, due time.Time) {
		wg.Go(func() {
			time.Sleep(time.Until(due))
			r.handle(t, r.wheel.record(n))
		})
	})
	return &wg
}

// waiting is how options say that what fails waits.
func waiting() dispatch.Options { return dispatch.Options{Schedule: dispatch.DefaultSchedule()} }

func TestTheWholeSchedule(t *testing.T) {
	var at []time.Time
	var attempts []string
	bubble(t, waiting(), func(req *http.Request) (*http.Response, error) {
		at, attempts = append(at, time.Now()), append(attempts, asSent(req, "webhook-attempt"))
		return status(http.StatusUnauthorized)
	}, func(t *testing.T, r *rig) {
		r.handle(t, message(call))
		r.turn(t)
		var waits []time.Duration
		for i := range at[1:] {
			waits = append(waits, at[i+1].Sub(at[i]))
		}
		if got, want := fmt.Sprint(waits), fmt.Sprint(dispatch.DefaultSchedule()); got != want {
			t.Errorf("got the waits %s, want %s", got, want)
		}
		if got := strings.Join(attempts, " "); got != "1 2 3 4 5 6 7 8 9 10" {
			t.Errorf("got the attempts %s, want 1 to 10", got)
		}
		letter := r.onlyLetter(t)
		if letter.Reason != lead.Exhausted || letter.Attempts != 10 || letter.Step != 9 || letter.Status != http.StatusUnauthorized ||
			!letter.FirstAttempt.Equal(at[0]) || !letter.LastAttempt.Equal(at[9]) {
			t.Errorf("got %+v, want it exhausted after 10 attempts in 9 waits", letter.History)
		}
	})
}

func TestACorrectedTokenHealsWhatWaits(t *testing.T) {
	wrong := webhook("w", "https://crm.example.com/")
	wrong.Authorization, wrong.Version = "wrong", "1"
	right := webhook("w", "https://crm.example.com/")
	right.Authorization, right.Version = "right", "2"
	now := hooks{wrong}
	bubbleOf(t, waiting(), &now, func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("Authorization") == "right" {
			return status(http.StatusOK)
		}
		return status(http.StatusUnauthorized)
	}, func(t *testing.T, r *rig) {
		for n := range 20 {
			r.handle(t, message(numbered(n)))
		}
		now[0] = right
		r.turn(t)
		r.wantDelivered(t)
		if got := r.count(t, "leadhook_deliveries_total", "json", "delivered"); got != 20 {
			t.Errorf("got %v delivered, want 20", got)
		}
	})
}

func TestWhatBecameOfAWebhookWhileADeliveryWaited(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*hooks)
		reason lead.Reason
	}{
		{"removed", func(h *hooks) { *h = nil }, lead.WebhookRemoved},
		{"inactive", func(h *hooks) { (*h)[0].Active = false }, lead.WebhookInactive},
		{"damaged", func(h *hooks) { (*h)[0].Damaged = "unreadable" }, lead.WebhookDamaged},
		{"disabled", func(h *hooks) { (*h)[0].Disabled = lead.Disabled{At: time.Now(), Reason: lead.Gone} }, lead.WebhookDisabled},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := hooks{webhook("w", "https://crm.example.com/")}
			var attempts int
			bubbleOf(t, waiting(), &now, func(*http.Request) (*http.Response, error) {
				attempts++
				return status(http.StatusForbidden)
			}, func(t *testing.T, r *rig) {
				r.handle(t, message(call))
				changed := *now[0]
				now[0] = &changed
				c.change(&now)
				r.turn(t)
				letter := r.onlyLetter(t)
				if letter.Reason != c.reason || attempts != 1 || letter.Attempts != 1 || letter.Webhook != "w" || letter.Step != 1 {
					t.Errorf("got %s after %d attempts: %+v, want %s after 1", letter.Reason, attempts, letter.History, c.reason)
				}
			})
		})
	}
}

func TestADeliveryEndsAfterThreeDays(t *testing.T) {
	opts := waiting()
	bubble(t, opts, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusTooManyRequests, Body: http.NoBody,
			Header: http.Header{"Retry-After": {"86400"}}}, nil
	}, func(t *testing.T, r *rig) {
		began := time.Now()
		r.handle(t, message(call))
		r.turn(t)
		letter := r.onlyLetter(t)
		if letter.Reason != lead.Expired || time.Since(began) > 72*time.Hour || letter.Status != http.StatusTooManyRequests {
			t.Errorf("got %s after %v, want expired when the next wait would end after 72h", letter.Reason, time.Since(began))
		}
	})
}

func TestTheSameEventThreeTimesWhileItsCRMFails(t *testing.T) {
	var posts, taken int
	healthy := time.Now().Add(1000 * time.Hour)
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		posts++
		time.Sleep(time.Second)
		if time.Now().Before(healthy) {
			return status(http.StatusForbidden)
		}
		taken++
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		healthy = time.Now().Add(5 * time.Minute)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { r.handle(t, message(call)) })
		}
		wg.Wait()
		if posts != 1 || len(r.wheel.all()) != 1 {
			t.Errorf("got %d POSTs and %d waiting, want one of each", posts, len(r.wheel.all()))
		}
		r.turn(t)
		r.handle(t, message(call))
		if posts != 4 || taken != 1 {
			t.Errorf("got %d POSTs, %d of them taken, want one chain of 4, and 1 taken", posts, taken)
		}
		if got := r.count(t, "leadhook_deliveries_total", "json", "repeated"); got != 3 {
			t.Errorf("got %v counted as repeated, want 3", got)
		}
	})
}

func TestADeadLetterIsNotWrittenAgain(t *testing.T) {
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		return status(http.StatusUnprocessableEntity)
	}, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		r.handle(t, message(call))
		r.handle(t, message(call))
		if r.onlyLetter(t).Reason != lead.Refused {
			t.Error("want it refused")
		}
	})
}

func TestWhatComesTooEarlyHopsOn(t *testing.T) {
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		return status(http.StatusNotFound)
	}, func(t *testing.T, r *rig) {
		r.handle(t, message(call))
		due := r.wheel.all()[0].NotBefore
		r.handle(t, r.wheel.record(0)) // ten seconds early
		hopped := r.wheel.all()[1]
		if r.wheel.hops != 1 || hopped.Step != 1 || !hopped.NotBefore.Equal(due) {
			t.Errorf("got %d hops and step %d until %v, want 1 hop and nothing changed", r.wheel.hops, hopped.Step, hopped.NotBefore)
		}
		time.Sleep(time.Until(due) - time.Second)
		r.handle(t, r.wheel.record(1)) // one second early is waited for
		if now := time.Now(); now.Before(due) || r.wheel.hops != 1 {
			t.Errorf("attempted %v before it was due", due.Sub(now))
		}
	})
}

func TestWhatALaterVersionWroteIsLeftToIt(t *testing.T) {
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) { return status(http.StatusOK) }, func(t *testing.T, r *rig) {
		m := &lead.Message{Topic: "retry", Offset: 7, Value: []byte("anything"), Headers: []lead.Header{{Key: "leadhook.format", Value: []byte("2")}}}
		r.handle(t, m)
		if len(r.letters.all()) > 0 || len(r.wheel.putBack) != 1 || r.wheel.putBack[0] != m {
			t.Errorf("%d dead letters, %d records were put back, want only the one", len(r.letters.all()), len(r.wheel.putBack))
		}
		if got := r.count(t, "leadhook_records_of_later_versions_total"); got != 1 {
			t.Errorf("counted %v, want 1", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Handle(ctx, m, func(int) {}); err == nil {
			t.Error("settled although it could not be put back")
		}
	})
}
