package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// roundTrip is a network of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func status(code int) (*http.Response, error) {
	return &http.Response{StatusCode: code, Body: http.NoBody, Header: http.Header{}}, nil
}

// bubble runs f with a rig on virtual time, whose network is rt.
func bubble(t *testing.T, opts dispatch.Options, rt roundTrip, f func(t *testing.T, r *rig)) {
	bubbleOf(t, opts, hooks{webhook("w", "https://crm.example.com/")}, rt, f)
}

// bubbleOf is bubble with other webhooks.
func bubbleOf(t *testing.T, opts dispatch.Options, all dispatch.Webhooks, rt roundTrip, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, opts, all)
		r.SetTransport(rt)
		f(t, r)
	})
}

func TestQuickRetriesBackOff(t *testing.T) {
	var at []time.Time
	bubble(t, dispatch.Options{QuickAttempts: 3, QuickWait: time.Second}, func(*http.Request) (*http.Response, error) {
		at = append(at, time.Now())
		return status(http.StatusServiceUnavailable)
	}, func(t *testing.T, r *rig) {
		r.handle(t, message(call))
		if len(at) != 3 {
			t.Fatalf("got %d attempts, want 3", len(at))
		}
		for i, middle := range []time.Duration{time.Second, 2 * time.Second} {
			if wait := at[i+1].Sub(at[i]); wait < middle/2 || wait > middle*3/2 {
				t.Errorf("got %v before attempt %d, want %v, half as short or half as long", wait, i+2, middle)
			}
		}
		letter := r.onlyLetter(t)
		if !letter.FirstAttempt.Equal(at[0]) || !letter.LastAttempt.Equal(at[2]) || letter.Attempts != 3 {
			t.Errorf("got %d attempts from %v to %v, want 3 from %v to %v",
				letter.Attempts, letter.FirstAttempt, letter.LastAttempt, at[0], at[2])
		}
	})
}

func TestQuickRetriesLastSecondsOnly(t *testing.T) {
	var attempts int
	bubble(t, dispatch.Options{QuickAttempts: 100, QuickWait: 500 * time.Millisecond}, func(*http.Request) (*http.Response, error) {
		attempts++
		return status(http.StatusInternalServerError)
	}, func(t *testing.T, r *rig) {
		began := time.Now()
		r.handle(t, message(call))
		if took := time.Since(began); took > 5*time.Second || attempts < 3 {
			t.Errorf("got %d attempts in %v, want some within 5s", attempts, took)
		}
	})
}

// TestSlowFailureIsNotRetriedQuickly: whoever needs long to fail has had its
// share.
func TestSlowFailureIsNotRetriedQuickly(t *testing.T) {
	var attempts int
	bubble(t, dispatch.Options{}, func(*http.Request) (*http.Response, error) {
		attempts++
		time.Sleep(6 * time.Second)
		return status(http.StatusGatewayTimeout)
	}, func(t *testing.T, r *rig) {
		r.handle(t, message(call))
		if attempts != 1 {
			t.Errorf("got %d attempts, want 1", attempts)
		}
	})
}

func TestAttemptHasOneDeadline(t *testing.T) {
	bubble(t, dispatch.Options{Attempt: attempt.Options{Timeout: 15 * time.Second}}, func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err() // as the HTTP/2 transport does, not the cause
	}, func(t *testing.T, r *rig) {
		began := time.Now()
		r.handle(t, message(call))
		if took := time.Since(began); took > 16*time.Second || took < 15*time.Second {
			t.Errorf("got the attempt ended after %v, want 15s", took)
		}
		if letter := r.onlyLetter(t); !strings.Contains(letter.Error, "within 15s") {
			t.Errorf("got %q, want what was waited for", letter.Error)
		}
	})
}

// TestEndOfContext ends ctx during an attempt or a wait. The attempt always
// ends by itself.
func TestEndOfContext(t *testing.T) {
	const attemptTime, stopAfter = 10 * time.Second, 2 * time.Second
	for _, c := range []struct {
		name   string
		status int
		slow   bool // ctx ends during the attempt; else in the wait after it
		mark   lead.Mark
	}{
		{"delivered", 200, true, lead.MarkDelivered},
		{"refused", 422, true, 1},
		{"transient", 503, true, 1},
		{"waiting to retry", 503, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := dispatch.Options{QuickWait: 6 * stopAfter / 5, QuickAttempts: 2, Schedule: dispatch.DefaultSchedule()}
			bubble(t, opts, func(*http.Request) (*http.Response, error) {
				if c.slow {
					time.Sleep(attemptTime)
				} else {
					time.Sleep(stopAfter / 2)
				}
				return status(c.status)
			}, func(t *testing.T, r *rig) {
				ctx, cancel := context.WithTimeout(t.Context(), stopAfter)
				defer cancel()
				began := time.Now()
				r.handleWith(t, ctx, message(call))
				if took := time.Since(began); took != stopAfter {
					t.Errorf("got it settled after %v, want at the end of ctx", took)
				}
				parked := r.wheel.all()
				if len(parked) != 1 {
					t.Fatalf("got %d deliveries parked, want 1", len(parked))
				}
				w := parked[0]
				if want := began.Add(15*time.Second + time.Second); c.slow && (!w.NotBefore.Equal(want) || w.Step != 0 || w.Attempts != 1) {
					t.Errorf("got it handed over until %v at step %d, want %v, when the attempt must have ended", w.NotBefore, w.Step, want)
				}
				if !c.slow && w.Step != 1 {
					t.Errorf("got step %d, want the wait to be a scheduled one", w.Step)
				}
				if w.MaybeReceived != c.slow {
					t.Errorf("got maybe received %v, want it of an attempt whose end is not known", w.MaybeReceived)
				}
				r.Close() // waits for the attempt
				if got := r.ledger.marks[w.Delivery]; got != c.mark {
					t.Errorf("got mark %d, want %d", got, c.mark)
				}
				if len(r.letters.all()) != 0 {
					t.Error("got a dead letter of what was handed over")
				}
			})
		})
	}
}

// TestHandedOverAndDeliveredIsSettled brings back what was handed over.
func TestHandedOverAndDeliveredIsSettled(t *testing.T) {
	var attempts int
	bubble(t, dispatch.Options{Schedule: dispatch.DefaultSchedule()}, func(*http.Request) (*http.Response, error) {
		attempts++
		time.Sleep(10 * time.Second)
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.handleWith(t, ctx, message(call))
		time.Sleep(time.Minute)
		r.handle(t, r.wheel.record(0))
		if attempts != 1 {
			t.Errorf("got %d attempts, want 1", attempts)
		}
	})
}

func TestWhatWasHandedOverTeachesNonetheless(t *testing.T) {
	hook := webhook("w", "https://crm.example.com/")
	bubbleOf(t, waiting(), hooks{hook}, func(*http.Request) (*http.Response, error) {
		time.Sleep(10 * time.Second)
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		hook.Failing = lead.Failing{Since: time.Now().Add(-71 * time.Hour), Attempts: 9}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.handleWith(t, ctx, message(call))
		r.Close() // waits for the attempt
		if fmt.Sprint(r.standing.healed) != "[w]" {
			t.Errorf("got %v told to be well again, want w", r.standing.healed)
		}
	})
}

// patient is a dead-letter topic that cannot be written to.
type patient struct{}

func (patient) Bury(ctx context.Context, _ *lead.DeadLetter) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestBurialOutlivesContextForSeconds(t *testing.T) {
	const longer = 5 * time.Second
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatch.Options{}, nil)
		parts := r.parts(hooks{webhook("w", "https://crm.example.com/")}, r.ledger)
		parts.DeadLetters = patient{}
		d := dispatch.New(dispatch.Options{}, parts, nil, nop)
		d.SetTransport(roundTrip(func(*http.Request) (*http.Response, error) { return status(http.StatusGone) }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := d.Handle(ctx, message(call), func(int) {})
		if took := time.Since(began); err == nil || took != time.Minute+longer {
			t.Errorf("got %v after %v, want an error %v after ctx ended", err, took, longer)
		}
	})
}

func TestAttemptsInFlightAreBounded(t *testing.T) {
	const most, took = 4, 900 * time.Millisecond
	var now, peak atomic.Int32
	all := make(hooks, most)
	for i := range all {
		all[i] = webhook(fmt.Sprint("w", i), "https://crm.example.com/")
	}
	bubbleOf(t, dispatch.Options{Attempt: attempt.Options{MaxInFlight: most}}, all, func(*http.Request) (*http.Response, error) {
		if n := now.Add(1); n > peak.Load() {
			peak.Store(n)
		}
		time.Sleep(took)
		now.Add(-1)
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		began := time.Now()
		var wg sync.WaitGroup
		for n := range 5 {
			wg.Go(func() { r.handle(t, message(numbered(n))) })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := r.Handle(ctx, message(numbered(5*most)), func(int) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v while all slots were taken, want the wait cut", err)
		}
		wg.Wait()
		if since := time.Since(began); peak.Load() != most || since < 5*took || since > 6*took {
			t.Errorf("got %d at once and all done after %v, want %d and %v", peak.Load(), since, most, 5*took)
		}
	})
}

func TestEndedContextStartsNothing(t *testing.T) {
	var attempts int
	bubble(t, dispatch.Options{}, func(*http.Request) (*http.Response, error) {
		attempts++
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			if err := r.Handle(ctx, message(call), func(int) {}); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want %v", err, context.Canceled)
			}
		}
		if attempts != 0 {
			t.Errorf("got %d attempts after ctx ended, want none", attempts)
		}
	})
}
