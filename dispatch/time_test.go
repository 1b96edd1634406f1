package dispatch_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/leadhook/leadhook/lead"
)

const threeDays, nineYears = 72 * time.Hour, 9 * 365 * 24 * time.Hour

// A clock that is nine years ahead wrote times of a delivery that waits.
func TestTimesThatCannotBe(t *testing.T) {
	for name, ahead := range map[string]func(w *lead.Waiting){
		"the next attempt": func(w *lead.Waiting) { w.NotBefore = w.NotBefore.Add(nineYears) },
		"all times": func(w *lead.Waiting) {
			w.NotBefore, w.FirstAttempt = w.NotBefore.Add(nineYears), w.FirstAttempt.Add(nineYears)
		},
	} {
		t.Run(name, func(t *testing.T) {
			answers := []int{http.StatusServiceUnavailable, http.StatusServiceUnavailable, http.StatusServiceUnavailable, http.StatusOK}
			bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
				code := answers[0]
				answers = answers[1:]
				return status(code)
			}, func(t *testing.T, r *rig) {
				r.handle(t, message(call))
				ahead(r.wheel.parked[0])
				began := time.Now()
				r.handle(t, r.wheel.record(0))
				r.wantDelivered(t)
				if len(answers) > 0 || time.Since(began) > time.Second || r.wheel.hops > 0 {
					t.Errorf("%d answers are left after %v and %d forwards, want an attempt at once", len(answers), time.Since(began), r.wheel.hops)
				}
				if got := r.count(t, "leadhook_waits_not_believed_total"); got != 1 {
					t.Errorf("counted %v, want 1", got)
				}
			})
		})
	}
}

// A delivery that began in the future begins again, so that it ends some day.
func TestADeliveryThatBeganInTheFutureEndsThreeDaysLater(t *testing.T) {
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusTooManyRequests, Body: http.NoBody,
			Header: http.Header{"Retry-After": {"86400"}}}, nil
	}, func(t *testing.T, r *rig) {
		r.handle(t, message(call))
		r.wheel.parked[0].FirstAttempt = r.wheel.parked[0].FirstAttempt.Add(nineYears)
		began := time.Now()
		r.turn(t)
		if letter := r.onlyLetter(t); letter.Reason != lead.Expired || time.Since(began) > 97*time.Hour {
			t.Errorf("got %s after %v", letter.Reason, time.Since(began))
		}
	})
}

func TestNothingExpiresByAClockThatIsNotBelieved(t *testing.T) {
	believed := false
	opts := waiting()
	opts.ClockBelieved = func() bool { return believed }
	bubble(t, opts, func(*http.Request) (*http.Response, error) { return status(http.StatusForbidden) }, func(t *testing.T, r *rig) {
		r.handle(t, message(call))
		for n := range 12 { // the clock jumps forwards before each attempt
			time.Sleep(threeDays)
			r.handle(t, message(numbered(n)))
		}
		r.handle(t, r.wheel.record(0))
		r.wantDelivered(t)
		if len(r.standing.disabled) > 0 || len(r.standing.failing) > 0 {
			t.Errorf("the webhook is disabled (%v) or said to be failing (%v)", r.standing.disabled, r.standing.failing)
		}
		believed = true
		last := len(r.wheel.all()) - 1
		time.Sleep(threeDays)
		r.handle(t, r.wheel.record(last))
		if letter := r.onlyLetter(t); letter.Reason != lead.Expired {
			t.Errorf("got %s once the clock is believed, want it expired", letter.Reason)
		}
	})
}
