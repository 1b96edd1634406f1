package consumer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFewStartAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 20
		b := newBudget(most*startShare, 1<<20)
		began := time.Now()
		take := func(want time.Duration) *start {
			t.Helper()
			s, err := b.start(t.Context())
			if got := time.Since(began); err != nil || got != want {
				t.Fatalf("got a start after %v, error %v; want one after %v", got, err, want)
			}
			return &s
		}
		var first []*start
		for range most {
			first = append(first, take(0))
		}
		late := take(2 * startSpan) // the first ones wait for something else by now
		for _, s := range first {
			s.end()
		}
		for range most - 1 {
			take(2 * startSpan)
		}
		late.end()
		late.end()
		take(2 * startSpan)
		take(4 * startSpan)
	})
}

func TestStartsAreFewHoweverManyMayBeOpen(t *testing.T) {
	for open, want := range map[int]int{1: 16, 200: 25, 2000: 250, 100_000: 256} {
		if got := cap(newBudget(open, 1).starting); got != want {
			t.Errorf("of %d open messages %d may be starting, want %d", open, got, want)
		}
	}
}

func TestStartIsCutByTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(1, 1)
		for range fewestStarts {
			if _, err := b.start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		stopped := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stopped)
		if _, err := b.start(ctx); !errors.Is(err, stopped) {
			t.Errorf("got %v, want the cause", err)
		}
	})
}

func TestDeliveriesTakePlacesWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10, 1<<20)
		open := func() bool { // whether another message may be open
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := b.acquire(ctx, 1)
			if err == nil {
				b.release(1, 1)
			}
			return err == nil
		}
		if _, err := b.acquire(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		from := 1
		for _, c := range []struct {
			places int
			open   bool
		}{{9, true}, {10, false}, {100, false}, {11, false}, {10, false}, {9, true}, {50, false}, {1, true}} {
			b.resize(from, c.places)
			if from = c.places; open() != c.open {
				t.Errorf("with %d places of 10 taken, another message may be open: %t, want %t", c.places, !c.open, c.open)
			}
		}
		b.release(1, from)
		if !b.events.TryAcquire(10) || b.events.TryAcquire(1) {
			t.Error("want all 10 places free when all is released, and no more")
		}
	})
}
