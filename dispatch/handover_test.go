package dispatch_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// A panickingQueue is a retry queue with a bug.
type panickingQueue struct{ *wheel }

func (panickingQueue) Schedule(context.Context, *lead.Waiting) error { panic("a bug") }

// TestPanicAtHandOverLeavesTheAttemptAlone reads the same message again while the
// attempt goes on whose delivery could not be handed over.
func TestPanicAtHandOverLeavesTheAttemptAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		crm := roundTrip(func(*http.Request) (*http.Response, error) {
			attempts++
			time.Sleep(10 * time.Second)
			return status(http.StatusOK)
		})
		memory := &ledger{tells: true}
		d := dispatch.New(dispatch.Options{Attempt: attempt.Options{Network: crm}}, dispatch.Parts{
			Webhooks: hooks{webhook("w", "https://crm.example.com/")}, HealthRecords: newStanding(),
			Ledger: memory, RetryQueue: panickingQueue{&wheel{}}, DeadLetters: &letters{},
		}, nil, zap.NewNop())
		defer d.Close()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Handle(ctx, message(call), func(int) {}); err == nil {
			t.Error("got the message settled, want an error: nothing was written")
		}
		began := time.Now()
		if err := d.Handle(t.Context(), message(call), func(int) {}); err != nil {
			t.Errorf("got %v, want the message settled", err)
		}
		if waited := time.Since(began); attempts != 1 || waited != 9*time.Second {
			t.Errorf("got %d attempts, the second message settled after %v; want 1, and it to wait 9s for the first", attempts, waited)
		}
	})
}
