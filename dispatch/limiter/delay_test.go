package limiter_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// TestDelayIsNotTheCRMs has an attempt wait for something else before it begins.
func TestDelayIsNotTheCRMs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := limiter.New(limiter.Options{MaxInFlight: 8, OpenEvents: 100, OpenBytes: 1 << 20})
		var ticket limiter.Ticket
		request := limiter.Request{Webhook: &lead.Webhook{ID: "w", Advertiser: "a"}, Host: "https://crm.example.com", Size: 1}
		if notBefore, err := ls.Acquire(t.Context(), request, &ticket); !notBefore.IsZero() || err != nil {
			t.Fatal(notBefore, err)
		}
		ticket.Delay(true)
		time.Sleep(5 * time.Second)
		if old := ls.Stats().Old; old != 0 {
			t.Errorf("got %d old attempts while it is delayed, want none", old)
		}
		ticket.Delay(false)
		ls.Begin(&ticket)
		time.Sleep(900 * time.Millisecond)
		if old := ls.Stats().Old; old != 0 {
			t.Errorf("got %d old attempts 0.9s after it began, want none", old)
		}
		time.Sleep(200 * time.Millisecond)
		if old := ls.Stats().Old; old != 1 {
			t.Errorf("got %d old attempts 1.1s after it began, want 1", old)
		}
		ls.Done(&ticket, limiter.Feedback{Result: limiter.Accepted, Took: 1100 * time.Millisecond})
	})
}
