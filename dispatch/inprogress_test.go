package dispatch

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneOfManyGoesOnAtATime has messages of the same delivery, some of which give up.
func TestOneOfManyGoesOnAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newInProgress()
		var inside, done, gaveUp atomic.Int32
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				time.Sleep(time.Duration(rand.N(1000)) * time.Millisecond)
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Duration(rand.N(1000))*time.Millisecond, errors.ErrUnsupported)
				defer cancel()
				if err := f.begin(ctx, "delivery"); err != nil {
					if gaveUp.Add(1); !errors.Is(err, errors.ErrUnsupported) {
						t.Errorf("got %v, want the cause", err)
					}
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two work on the same delivery")
				}
				time.Sleep(time.Duration(1+rand.N(3)) * time.Millisecond)
				inside.Add(-1)
				done.Add(1)
				f.done("delivery")
			})
		}
		all.Wait()
		if done.Load() < 100 || gaveUp.Load() < 100 || len(f.set) > 0 {
			t.Errorf("%d done, %d gave up, and %d are left in the set", done.Load(), gaveUp.Load(), len(f.set))
		}
	})
}

// TestManyOfTheSameDeliveryCostLittle has half as many as may be open, as when a lead was
// published again and again while its CRM hung. All that they do is to ask the ledger.
func TestManyOfTheSameDeliveryCostLittle(t *testing.T) {
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		f := newInProgress()
		var all sync.WaitGroup
		for range 8000 {
			all.Go(func() {
				if err := f.begin(t.Context(), "delivery"); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Millisecond)
				f.done("delivery")
			})
		}
		all.Wait()
	})
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it cost %v of real time, although the ledger's was none", took)
	}
}
