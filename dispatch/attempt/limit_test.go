package attempt

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

type limitKey struct{}

// TestContextsOfALimitNeedNoGoroutine counts those that are made where net/http
// makes a context of that of the request.
func TestContextsOfALimitNeedNoGoroutine(t *testing.T) {
	l := limited(t.Context(), time.Now().Add(time.Hour))
	defer l.over()
	before := runtime.NumGoroutine()
	for range 10 {
		_, cancel := context.WithCancel(context.WithValue(&l, limitKey{}, "value"))
		defer cancel()
	}
	if more := runtime.NumGoroutine() - before; more >= 10 {
		t.Errorf("10 contexts that were made of a limit have %d goroutines", more)
	}
}

func TestLimitEnds(t *testing.T) {
	const after = time.Minute
	for name, c := range map[string]struct {
		end  func(l *limit) // at once
		took time.Duration
		want error
	}{
		"at its time":      {func(*limit) {}, after, context.DeadlineExceeded},
		"with the attempt": {(*limit).over, 0, context.Canceled},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			parent, cancel := context.WithCancel(context.WithValue(t.Context(), limitKey{}, "value"))
			cancel() // which ends nothing
			before, late := limited(parent, began.Add(after)), limited(parent, began.Add(after))
			defer before.over()
			defer late.over()
			child, release := context.WithCancel(&before)
			defer release()
			c.end(&before)
			c.end(&late)
			for what, ctx := range map[string]context.Context{"waited for before": &before, "waited for later": &late, "made of it": child} {
				<-ctx.Done()
				if took := time.Since(began); took != c.took || !errors.Is(ctx.Err(), c.want) {
					t.Errorf("%s, %s: ended after %v with %v, want after %v with %v", name, what, took, ctx.Err(), c.took, c.want)
				}
				if at, ok := ctx.Deadline(); !ok || !at.Equal(began.Add(after)) || ctx.Value(limitKey{}) != "value" {
					t.Errorf("%s, %s: got deadline %v and value %v, want those that it was given", name, what, at, ctx.Value(limitKey{}))
				}
			}
		})
	}
}
