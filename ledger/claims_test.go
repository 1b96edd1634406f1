package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

// claim demands the answer to a claim of a delivery of lead 1, and returns its number.
func (r *ledgerRig) claim(id string, own lead.Mark, want lead.Claim) uint64 {
	r.t.Helper()
	got, err := r.ledger.Claim(r.t.Context(), id, delivery(id, "a"), own)
	want.Number = got.Number
	if slack := want.Held - got.Held; slack >= 0 && slack < 50*time.Millisecond && got.Held > 0 {
		want.Held = got.Held
	}
	if err != nil || got != want {
		r.t.Errorf("lead %s: got %+v, error %v, want %+v", id, got, err, want)
	}
	return got.Number
}

func TestClaimKeepsOthersAwayUntilItEnds(t *testing.T) {
	runLedger(t, ledger.Options{ClaimFor: 19 * time.Second}, func(t *testing.T, r *ledgerRig) {
		r.another(func(other *ledgerRig) {
			for i := range 12 { // at all times of a period
				id := fmt.Sprint(100 * i)
				r.claim(id, 0, lead.Claim{})
				r.claim(id, 0, lead.Claim{}) // its own does not keep it away
				other.claim(id, 0, lead.Claim{Held: 19 * time.Second})
				r.claim("77", 0, lead.Claim{}) // a neighbour is not affected
				time.Sleep(18 * time.Second)
				other.claim(id, 0, lead.Claim{Held: time.Second})
				time.Sleep(time.Second)
				other.claim(id, 0, lead.Claim{})
				r.claim(id, 0, lead.Claim{Held: 19 * time.Second})
				time.Sleep(2300 * time.Millisecond)
			}
		})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if keys := r.server.Keys(); len(keys) > 0 {
			t.Errorf("left in Redis: %v", keys)
		}
	})
}

func TestClaimIsRenewedAndReleased(t *testing.T) {
	runLedger(t, ledger.Options{ClaimFor: 19 * time.Second}, func(t *testing.T, r *ledgerRig) {
		r.another(func(other *ledgerRig) {
			first := r.claim("1", 0, lead.Claim{})
			time.Sleep(15 * time.Second)
			second := r.claim("1", 0, lead.Claim{})
			time.Sleep(15 * time.Second)
			other.claim("1", 0, lead.Claim{Held: 4 * time.Second})
			r.ledger.Release("1", delivery("1", "a"), first) // comes late
			time.Sleep(time.Second)
			other.claim("1", 0, lead.Claim{Held: 3 * time.Second})
			other.ledger.Release("1", delivery("1", "a"), second) // is not its own
			time.Sleep(time.Second)
			other.claim("1", 0, lead.Claim{Held: 2 * time.Second})
			r.ledger.Release("1", delivery("1", "a"), second)
			time.Sleep(10 * time.Millisecond)
			other.claim("1", 0, lead.Claim{})
		})
	})
}

// TestMarkDoesNotEndAClaim has an instance that stopped for a while write one.
func TestMarkDoesNotEndAClaim(t *testing.T) {
	runLedger(t, ledger.Options{ClaimFor: 19 * time.Second}, func(t *testing.T, r *ledgerRig) {
		r.another(func(other *ledgerRig) {
			r.claim("1", 0, lead.Claim{})
			other.ledger.Note("1", delivery("1", "a"), 2)
			other.flush()
			r.claim("1", 0, lead.Claim{Reached: 2})
			other.claim("1", 1, lead.Claim{Reached: 2})
			other.claim("1", 2, lead.Claim{Reached: 2, Held: 19 * time.Second})
			r.ledger.Note("1", delivery("1", "a"), lead.MarkDelivered)
			r.claim("1", 2, lead.Claim{Reached: lead.MarkDelivered})
			r.flush()
			other.claim("1", 2, lead.Claim{Reached: lead.MarkDelivered})
			if n := other.metric("leadhook_ledger_unclaimed_total"); n != 0 {
				t.Errorf("%v were attempted without a claim, want none", n)
			}
		})
	})
}

// TestClockOfRedisCounts has the clock of Redis be wrong by all that it may be.
func TestClockOfRedisCounts(t *testing.T) {
	for _, by := range []time.Duration{-24 * time.Hour, -45 * time.Second, 3 * time.Second, time.Minute, 10 * 24 * time.Hour} {
		runLedger(t, ledger.Options{ClaimFor: 19 * time.Second}, func(_ *testing.T, r *ledgerRig) {
			r.another(func(other *ledgerRig) {
				for range 4 {
					r.server.SetTime(time.Now().Add(by))
					r.claim("1", 0, lead.Claim{})
					r.server.SetTime(time.Now().Add(by + 10*time.Second))
					other.claim("1", 0, lead.Claim{Held: 9 * time.Second})
					time.Sleep(50 * time.Second)
				}
				if n := r.metric("leadhook_ledger_unclaimed_total") + other.metric("leadhook_ledger_unclaimed_total"); n != 0 {
					r.t.Errorf("%v by %v: %v were not claimed", by, r.server, n)
				}
			})
		})
	}
}

func TestWhoLeavesClaimsNothing(t *testing.T) {
	runLedger(t, ledger.Options{ClaimFor: 19 * time.Second}, func(t *testing.T, r *ledgerRig) {
		r.claim("2", 0, lead.Claim{}) // connected, so that the next batch waits
		cause := errors.New("the partition moved on")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := r.ledger.Claim(ctx, "1", delivery("1", "a"), 0); !errors.Is(err, cause) {
				t.Errorf("got %v, want the context's cause", err)
			}
		})
		synctest.Wait()
		cancel(cause)
		wg.Wait()
		time.Sleep(100 * time.Millisecond)
		r.another(func(other *ledgerRig) { other.claim("1", 0, lead.Claim{}) })
	})
}

func TestClaimsGoOnWithoutRedis(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		r.ledger.Note("9", delivery("9", "a"), 5)
		r.line.Cut()
		r.claim("1", 0, lead.Claim{})
		r.claim("1", 0, lead.Claim{})
		r.claim("9", 5, lead.Claim{Reached: 5})
		r.claim("9", 2, lead.Claim{Reached: 5})
		if n := r.metric("leadhook_ledger_unclaimed_total"); n != 3 {
			t.Errorf("got %v unclaimed, want 3", n)
		}
		r.line.Mend()
		time.Sleep(5 * time.Second)
		r.claim("1", 0, lead.Claim{})
		r.another(func(other *ledgerRig) { other.claim("1", 0, lead.Claim{Held: 20 * time.Second}) })
	})
}

// TestNeverTwoHolders has three instances claim and release deliveries at random, and stop
// for a while before an attempt.
func TestNeverTwoHolders(t *testing.T) {
	const lasts, begin, attempt = 9 * time.Second, 3 * time.Second, 5 * time.Second
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawClaimStep), 1, 80).Draw(rt, "steps")
		runLedger(t, ledger.Options{ClaimFor: lasts}, func(t *testing.T, r *ledgerRig) {
			r.another(func(second *ledgerRig) {
				second.another(func(third *ledgerRig) {
					var ends [4]time.Time // of the attempts, by lead
					var by [4]int
					all := []*ledgerRig{r, second, third}
					for _, s := range steps {
						at := all[s.instance]
						switch own := by[s.lead] == s.instance && time.Now().Before(ends[s.lead]); {
						case s.what == "claim" && !own: // of its own attempts an instance knows
							asked := time.Now()
							id := fmt.Sprint(s.lead)
							c, err := at.ledger.Claim(t.Context(), id, delivery(id, "a"), 0)
							if err != nil {
								t.Fatal(err)
							}
							if c.Held > 0 {
								continue
							}
							time.Sleep(s.pause)
							if time.Since(asked) > begin {
								at.ledger.Release(id, delivery(id, "a"), c.Number)
								continue
							}
							if now := time.Now(); now.Before(ends[s.lead]) && by[s.lead] != s.instance {
								t.Errorf("lead %s: instances %d and %d attempt it", id, by[s.lead], s.instance)
							}
							ends[s.lead], by[s.lead] = time.Now().Add(attempt), s.instance
							if s.fails { // at once
								ends[s.lead] = time.Now()
								at.ledger.Release(id, delivery(id, "a"), c.Number)
							}
						case s.what == "pause":
							time.Sleep(s.pause)
						}
					}
				})
			})
		})
		if t.Failed() {
			rt.Fatal("see above")
		}
	})
}

type claimStep struct {
	what     string
	instance int
	lead     int
	pause    time.Duration
	fails    bool
}

func drawClaimStep(t *rapid.T) claimStep {
	return claimStep{
		what:     rapid.SampledFrom([]string{"claim", "claim", "claim", "pause"}).Draw(t, "what"),
		instance: rapid.IntRange(0, 2).Draw(t, "instance"),
		lead:     rapid.IntRange(0, 3).Draw(t, "lead"),
		pause:    rapid.SampledFrom([]time.Duration{0, time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 4 * time.Second, 7 * time.Second}).Draw(t, "pause"),
		fails:    rapid.Bool().Draw(t, "fails"),
	}
}
