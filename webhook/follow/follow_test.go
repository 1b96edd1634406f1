package follow_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

func TestManyWaitersAskOnce(t *testing.T) {
	r := newRig(t)
	f, _ := r.follow()
	r.confirm(f)
	before := r.topic.ends.Load()
	const waiters = 1000
	since := time.Now()
	var wg sync.WaitGroup
	for range waiters {
		wg.Go(func() {
			c, err := f.Confirm(kafkatest.Within(t), since)
			if err != nil || c.Asked.Before(since) || c.Epoch != r.epoch {
				t.Errorf("got %+v, error %v", c, err)
			}
		})
	}
	wg.Wait()
	const most = 20 // the filler and the next waiters ask too
	if asked := r.topic.ends.Load() - before; asked > most {
		t.Errorf("%d waiters asked %d times", waiters, asked)
	}
}

func TestWhatIsConfirmedWasSeen(t *testing.T) {
	r := newRig(t)
	f, s := r.follow()
	r.confirm(f)
	for n := range 50 {
		r.put(1, "C", fmt.Sprint(n))
		c := r.confirm(f)
		if got := len(s.all()); got <= n || c.End < int64(n)+2 {
			t.Fatalf("after %d records %d were seen when everything below %d was confirmed", n+1, got, c.End)
		}
	}
}

func TestConfirmingEndsWithItsContext(t *testing.T) {
	r := newRig(t)
	f := follow.New(r.log, nil, nil, nil) // it does not run
	if _, err := f.Confirm(canceled(t), time.Now()); err == nil {
		t.Error("it is confirmed what nobody follows")
	}
}

func TestManyRecordsAreFilled(t *testing.T) {
	r := newRig(t)
	const count = 20_000
	var keys []string
	for n := range count {
		keys = append(keys, fmt.Sprintf("w%d", n))
	}
	r.put(1, "FIRST", keys...)
	r.put(2, "SECOND", keys[:count/2]...)
	end := r.end()
	for n, s := range r.fill() {
		if s.Err != nil || s.Applied != end || s.Marks != 0 {
			t.Errorf("share %d: %+v, the topic ends at %d", n, s, end)
		}
	}
	for n, key := range keys {
		want := "FIRST"
		if n < count/2 {
			want = "SECOND"
		}
		if n%97 == 0 && r.stored(key) != want {
			t.Errorf("%s is of the change %q, want %q", key, r.stored(key), want)
		}
	}
}

func TestTwoFillersRace(t *testing.T) {
	r := newRig(t)
	for n := range 300 {
		r.put(1, "FIRST", fmt.Sprint(n))
	}
	end := r.end()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			states, err := r.log.Fill(t.Context(), r.epoch, end)
			if err != nil {
				t.Error(err)
			}
			for n, s := range states {
				if s.Err != nil || s.Applied < end {
					t.Errorf("share %d: %+v, want %d", n, s, end)
				}
			}
		})
	}
	wg.Wait()
	for n := range 300 {
		if got := r.stored(fmt.Sprint(n)); got != "FIRST" {
			t.Errorf("%d is of the change %q", n, got)
		}
	}
}

func TestPlaceOfAnotherLogIsNotHeld(t *testing.T) {
	r := newRig(t)
	f, _ := r.follow()
	r.put(1, "FIRST", "a")
	r.confirm(f)
	place := shares.Place{Applied: r.end(), Head: "FIRST"}
	if err := f.Holds(kafkatest.Within(t), 7, place); err != nil {
		t.Errorf("%+v: %v", place, err)
	}
	place.Head = "OTHER"
	if err := f.Holds(kafkatest.Within(t), 8, place); !errors.Is(err, follow.ErrWentBack) {
		t.Errorf("%+v: error %v, want %v", place, err, follow.ErrWentBack)
	}
}

func TestEpochThatComesTooLateMeansNothing(t *testing.T) {
	r := newRig(t)
	f, _ := r.follow()
	r.confirm(f)
	for _, key := range []string{entry.EpochKey("LATE"), entry.OpenKey("LATE"), entry.IDKey("A")} {
		late := entry.Entry{Stamp: entry.Stamp{Epoch: "LATE", Number: 1, Change: "C"}}
		if err := r.topic.Append(t.Context(), []topic.Record{{Key: key, Value: late.Value()}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.log.BeginWith(t.Context(), "LATER"); err == nil {
		t.Error("another epoch begins in the same log")
	}
	if epoch, err := r.log.Epoch(t.Context()); epoch != r.epoch || err != nil {
		t.Errorf("the epoch is %s, %v, want %s", epoch, err, r.epoch)
	}
	if c := r.confirm(f); c.Epoch != r.epoch {
		t.Errorf("confirmed is %+v", c)
	}
	r.fill()
	if got := r.stored("A"); got != "" {
		t.Errorf("Redis has %q of another epoch", got)
	}
}

// Compaction keeps the last record of a key: without a repair that would be the one that
// did not count.
func TestLoserIsRepaired(t *testing.T) {
	r := newRig(t)
	r.put(1, "FIRST", "a", "b")
	r.put(1, "LOSER", "a")
	states := r.fill()
	if of := shares.Of(entry.IDKey("a")); states[of].Applied != r.end() {
		t.Fatalf("share %d is at %+v", of, states[of])
	}
	f, _ := r.follow()
	r.confirm(f)
	want := entry.AfterID("FIRST")
	kafkatest.WaitFor(t, func() bool { return r.stored("a") == want })
	var last *topic.Record
	for record, err := range r.log.Records(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Key == entry.IDKey("a") {
			last = record
		}
	}
	e, err := entry.Parse(last.Value)
	if err != nil || e.Number != 2 || e.Change != want {
		t.Errorf("the last record is %+v, %v", e.Stamp, err)
	}
	if owner, err := entry.OpenOwner(r.log.Boxes, "a", &e); owner != "FIRST" || err != nil {
		t.Errorf("it says %q, %v", owner, err)
	}
	kafkatest.WaitFor(t, func() bool {
		s := r.shares.States(t.Context(), r.epoch)[shares.Of(entry.IDKey("a"))]
		return s.Marks == 0 && s.Applied == r.end()
	})
	if r.stored("b") != "FIRST" {
		t.Error("what was not refused was repaired")
	}
}

func TestTopicBeginsOnce(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if epoch, err := r.log.Begin(t.Context()); epoch != r.epoch || err != nil {
				t.Errorf("it begins again with %q, %v", epoch, err)
			}
		})
	}
	wg.Wait()
	if epoch, err := r.log.Epoch(t.Context()); epoch != r.epoch || err != nil {
		t.Errorf("the epoch is %q, %v, want %q", epoch, err, r.epoch)
	}
}
