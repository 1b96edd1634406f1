package dispatch_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/dispatch"
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
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, opts, hooks{webhook("w", "https://crm.example.com/")})
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
	bubble(t, dispatch.Options{Timeout: 15 * time.Second}, func(r *http.Request) (*http.Response, error) {
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
		name    string
		status  int
		slow    bool // ctx ends during the attempt; else in the wait after it
		settled bool
		reason  lead.Reason
		after   time.Duration // when Handle returns
	}{
		{"delivered", 200, true, true, "", attemptTime},
		{"refused", 422, true, true, lead.Refused, attemptTime},
		{"gone", 410, true, true, lead.Gone, attemptTime},
		{"transient", 503, true, false, "", attemptTime},
		{"needs a human", 401, true, false, "", attemptTime},
		{"waiting to retry", 503, false, false, "", stopAfter},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := dispatch.Options{QuickWait: 6 * stopAfter / 5, QuickAttempts: 2}
			bubble(t, opts, func(*http.Request) (*http.Response, error) {
				if c.slow {
					time.Sleep(attemptTime)
				} else {
					time.Sleep(stopAfter / 2)
				}
				return status(c.status)
			}, func(t *testing.T, r *rig) {
				r.letters.always = !c.settled // what must not be buried then could be
				ctx, cancel := context.WithTimeout(t.Context(), stopAfter)
				defer cancel()
				began := time.Now()
				err := r.Handle(ctx, message(call))
				if (err == nil) != c.settled {
					t.Errorf("got %v, want settled %v", err, c.settled)
				}
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the cause of ctx's end in it", err)
				}
				if took := time.Since(began); took != c.after {
					t.Errorf("got it back after %v, want %v", took, c.after)
				}
				var reason lead.Reason
				for _, letter := range r.letters.all() {
					reason = letter.Reason
				}
				if reason != c.reason {
					t.Errorf("got dead letter %q, want %q", reason, c.reason)
				}
			})
		})
	}
}

// patient is a dead-letter topic that cannot be written to.
type patient struct{}

func (patient) Bury(ctx context.Context, _ *lead.DeadLetter) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestBurialOutlivesContextForSeconds(t *testing.T) {
	for _, c := range []struct {
		status int
		longer time.Duration
	}{{410, 5 * time.Second}, {401, 0}} {
		synctest.Test(t, func(t *testing.T) {
			d := dispatch.New(dispatch.Options{}, hooks{webhook("w", "https://crm.example.com/")}, patient{}, nil, nop)
			d.SetTransport(roundTrip(func(*http.Request) (*http.Response, error) { return status(c.status) }))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			err := d.Handle(ctx, message(call))
			if took := time.Since(began); err == nil || took != time.Minute+c.longer {
				t.Errorf("%d: got %v after %v, want an error %v after ctx ended", c.status, err, took, c.longer)
			}
		})
	}
}

func TestAttemptsInFlightAreBounded(t *testing.T) {
	const most = 4
	var now, peak atomic.Int32
	bubble(t, dispatch.Options{MaxInFlight: most}, func(*http.Request) (*http.Response, error) {
		if n := now.Add(1); n > peak.Load() {
			peak.Store(n)
		}
		time.Sleep(time.Second)
		now.Add(-1)
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		began := time.Now()
		var wg sync.WaitGroup
		for range 5 * most {
			wg.Go(func() { r.handle(t, message(call)) })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := r.Handle(ctx, message(call)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v while all slots were taken, want the wait cut", err)
		}
		wg.Wait()
		if peak.Load() != most || time.Since(began) != 5*time.Second {
			t.Errorf("got %d at once and all done after %v, want %d and 5s", peak.Load(), time.Since(began), most)
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
			if err := r.Handle(ctx, message(call)); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want %v", err, context.Canceled)
			}
		}
		if attempts != 0 {
			t.Errorf("got %d attempts after ctx ended, want none", attempts)
		}
	})
}
