package dispatch_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A claiming ledger is one that instances share, each with a handle of its own.
type claiming struct {
	*ledger
	instance int
	all      *allClaims
	slow     time.Duration // how long the answer to the next claim takes
}

type allClaims struct {
	mu       sync.Mutex
	lasts    time.Duration
	taken    map[string]taken // guarded by mu, and so are the others; by delivery
	asked    int
	released int
}

type taken struct {
	by     int
	number uint64
	until  time.Time
}

// count returns how many claims there are.
func (all *allClaims) count() int {
	all.mu.Lock()
	defer all.mu.Unlock()
	return len(all.taken)
}

func (c *claiming) Claim(ctx context.Context, leadID, delivery string, own lead.Mark) (lead.Claim, error) {
	m, err := c.Reached(ctx, leadID, delivery)
	if m > own || err != nil {
		return lead.Claim{Reached: m}, err
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	now := time.Now()
	if t := c.all.taken[delivery]; t.by != c.instance && now.Before(t.until) {
		return lead.Claim{Held: t.until.Sub(now)}, nil
	}
	c.all.asked++
	number := uint64(c.all.asked)
	c.all.taken[delivery] = taken{c.instance, number, now.Add(c.all.lasts)}
	slow := c.slow
	c.slow = 0
	time.Sleep(slow)
	return lead.Claim{Number: number}, nil
}

func (c *claiming) Release(_, delivery string, number uint64) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if t := c.all.taken[delivery]; number != 0 && t.by == c.instance && t.number == number {
		c.all.released++
		delete(c.all.taken, delivery)
	}
}

// instances runs two instances that share a ledger.
func instances(t *testing.T, all hooks, rt roundTrip, f func(t *testing.T, all *allClaims, one, two *rig)) {
	synctest.Test(t, func(t *testing.T) {
		claims, marks := &allClaims{taken: map[string]taken{}, lasts: waiting().ClaimFor()}, &ledger{tells: true}
		var rigs [2]*rig
		for i := range rigs {
			rigs[i] = newRigWith(t, waiting(), all, &claiming{ledger: marks, instance: i + 1, all: claims})
			rigs[i].ledger = marks
			rigs[i].SetTransport(rt)
		}
		f(t, claims, rigs[0], rigs[1])
	})
}

var oneHook = hooks{webhook("w", "https://crm.example.com/")}

func TestTwoInstancesWithOneLeadMakeOneAttempt(t *testing.T) {
	for name, all := range map[string]hooks{"one webhook": oneHook, "two webhooks": {oneHook[0], webhook("x", "https://other.example.com/")}} {
		t.Run(name, func(t *testing.T) {
			var posts atomic.Int64
			instances(t, all, func(*http.Request) (*http.Response, error) {
				posts.Add(1)
				time.Sleep(time.Second)
				return status(http.StatusOK)
			}, func(t *testing.T, claims *allClaims, one, two *rig) {
				began := time.Now()
				var both sync.WaitGroup
				both.Go(func() { one.handle(t, message(call)) })
				both.Go(func() { two.handle(t, message(call)) })
				both.Wait()
				put := append(one.wheel.all(), two.wheel.all()...)
				if len(put) != len(all) {
					t.Fatalf("got %d deliveries put off, want the %d of one instance", len(put), len(all))
				}
				for _, w := range put {
					if w.NotBefore.Sub(began) != claims.lasts || w.Attempts != 0 || w.Step != 0 || !w.MaybeReceived {
						t.Errorf("got %+v until %v, want it put off until the claim ends, no attempt counted, and maybe received", w.History, w.NotBefore)
					}
				}
				one.turn(t)
				two.turn(t)
				if int(posts.Load()) != len(all) || claims.released != 0 {
					t.Errorf("got %d POSTs and %d claims released, want %d and none", posts.Load(), claims.released, len(all))
				}
			})
		})
	}
}

// TestShortClaimIsWaitedFor has the other instance be gone, so that its claim just ends.
func TestShortClaimIsWaitedFor(t *testing.T) {
	var at time.Time
	instances(t, oneHook, func(*http.Request) (*http.Response, error) {
		at = time.Now()
		return status(http.StatusOK)
	}, func(t *testing.T, claims *allClaims, one, two *rig) {
		gone := &claiming{ledger: one.ledger, instance: 3, all: claims}
		ev, _ := lead.Decode(message(call).Value)
		if _, err := gone.Claim(t.Context(), ev.LeadID, lead.DeliveryID(ev, "w"), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(claims.lasts - 1500*time.Millisecond)
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { two.handle(t, message(call)) })
		synctest.Wait()
		if n := two.gauge(t, "leadhook_attempts_in_flight"); n != 0 {
			t.Errorf("it holds %v attempts while it waits, want none", n)
		}
		wg.Wait()
		if got := at.Sub(began); got != 1500*time.Millisecond || len(two.wheel.all()) != 0 {
			t.Errorf("got its POST after %v, and %d put off; want 1.5s and none", got, len(two.wheel.all()))
		}
	})
}

func TestFailedAttemptReleasesItsClaim(t *testing.T) {
	instances(t, oneHook, func(*http.Request) (*http.Response, error) {
		return status(http.StatusServiceUnavailable)
	}, func(t *testing.T, claims *allClaims, one, _ *rig) {
		one.handle(t, message(call))
		if claims.asked != 3 || claims.released != 1 || claims.count() != 0 {
			t.Errorf("got %d claims for three attempts, %d released, %d left; want 3, 1 and none", claims.asked, claims.released, claims.count())
		}
	})
}

// TestHandedOverAttemptKeepsItsClaim until it has ended, and releases it if it failed.
func TestHandedOverAttemptKeepsItsClaim(t *testing.T) {
	for answer, left := range map[int]int{http.StatusOK: 1, http.StatusServiceUnavailable: 0} {
		instances(t, oneHook, func(*http.Request) (*http.Response, error) {
			time.Sleep(10 * time.Second)
			return status(answer)
		}, func(t *testing.T, claims *allClaims, one, two *rig) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			one.handleWith(t, ctx, message(call))
			two.handle(t, message(call)) // the mark says that it was handed over
			if claims.count() != 1 || len(two.wheel.all()) != 0 {
				t.Errorf("%d claims while the attempt runs, and %d put off; want 1 and none", claims.count(), len(two.wheel.all()))
			}
			time.Sleep(10 * time.Second)
			if claims.count() != left {
				t.Errorf("%d: got %d claims after it, want %d", answer, claims.count(), left)
			}
		})
	}
}

// TestOldClaimIsMadeAgain has the process stop for a while after it has claimed.
func TestOldClaimIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims, marks := &allClaims{taken: map[string]taken{}, lasts: waiting().ClaimFor()}, &ledger{tells: true}
		slow := &claiming{ledger: marks, instance: 1, all: claims, slow: 4 * time.Second}
		r := newRigWith(t, waiting(), oneHook, slow)
		r.SetTransport(roundTrip(func(*http.Request) (*http.Response, error) {
			claims.mu.Lock()
			defer claims.mu.Unlock()
			for _, c := range claims.taken {
				if left := time.Until(c.until); left < claims.lasts {
					t.Errorf("an attempt began with a claim for %v, want %v", left, claims.lasts)
				}
			}
			return status(http.StatusOK)
		}))
		r.handle(t, message(call))
		if claims.asked != 2 {
			t.Errorf("got %d claims, want 2", claims.asked)
		}
	})
}

func TestDrainReleasesWhatWasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims, marks := &allClaims{taken: map[string]taken{}, lasts: waiting().ClaimFor()}, &ledger{tells: true}
		r := newRigWith(t, waiting(), oneHook, &claiming{ledger: marks, instance: 1, all: claims, slow: 2 * time.Second})
		r.SetTransport(roundTrip(func(*http.Request) (*http.Response, error) {
			t.Error("an attempt began after the end")
			return status(http.StatusOK)
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Handle(ctx, message(call), func(int) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		if claims.count() != 0 || r.gauge(t, "leadhook_attempts_in_flight") != 0 {
			t.Errorf("%d claims and %v attempts are left, want none", claims.count(), r.gauge(t, "leadhook_attempts_in_flight"))
		}
	})
}

// TestRepeatDoesNotQueue has leads that were delivered before come again while the CRM
// takes one in a minute, and after the webhook was removed.
func TestRepeatDoesNotQueue(t *testing.T) {
	slow := webhook("w", "https://crm.example.com/")
	now := &hooks{slow}
	bubbleOf(t, waiting(), now, func(*http.Request) (*http.Response, error) { return status(http.StatusOK) }, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		const leads = 20
		for n := range leads {
			r.handle(t, message(numbered(n)))
		}
		slow.Rate = 1.0 / 60
		began := time.Now()
		var fresh sync.WaitGroup
		fresh.Go(func() { r.handle(t, message(numbered(100))) })
		fresh.Go(func() { r.handle(t, message(numbered(101))) })
		synctest.Wait()
		for n := range leads {
			r.handle(t, message(numbered(n)))
		}
		*now = nil
		for n := range leads {
			waiting := &lead.Waiting{Message: *message(numbered(n)), History: lead.History{Advertiser: "USA_1", Webhook: "w"}}
			if err := r.wheel.Schedule(t.Context(), waiting); err != nil {
				t.Fatal(err)
			}
			r.handle(t, r.wheel.record(len(r.wheel.all())-1))
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%d repeats took %v, want them not to wait", 2*leads, took)
		}
		fresh.Wait()
		r.wantDelivered(t)
	})
}
