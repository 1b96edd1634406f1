package ledger_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

const (
	atOnce = 10 * time.Millisecond
	day    = 24 * time.Hour
)

func TestLedgerRemembersForOtherInstances(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		marks := map[string]lead.Mark{
			"1": lead.MarkDelivered, "63": 1, "64": 127, "65": 128, "123456789012345": 300,
			"1234567890123456": lead.MarkDelivered - 1, "99999999999999999999": lead.MarkDelivered, "007": 255,
		}
		for id, m := range marks {
			r.reached(id, delivery(id, "a"), 0, atOnce)
			r.ledger.Note(id, delivery(id, "a"), m)
			r.reached(id, delivery(id, "a"), m, atOnce)
		}
		r.ledger.Note("5", delivery("5", "a"), 0) // says nothing
		r.flush()
		r.another(func(other *ledgerRig) {
			for id, m := range marks {
				other.reached(id, delivery(id, "a"), m, atOnce)
				other.reached(id, delivery(id, "b"), 0, atOnce)
			}
		})
		for result, want := range map[string]float64{"leadhook_ledger_lookups_total": 16,
			"leadhook_ledger_marks_written_total": 8, "leadhook_ledger_pending": 0, "leadhook_ledger_unanswered_total": 0} {
			if got := r.metric(result); got != want {
				t.Errorf("%s: got %v, want %v", result, got, want)
			}
		}
	})
}

func TestMarkNeverGoesDown(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		for i, m := range []lead.Mark{3, 2, 20, 5, lead.MarkDelivered, 30} {
			want := []lead.Mark{3, 3, 20, 20, lead.MarkDelivered, lead.MarkDelivered}[i]
			r.ledger.Note("7", delivery("7", "a"), m)
			r.reached("7", delivery("7", "a"), want, atOnce)
			r.flush()
			r.reached("7", delivery("7", "a"), want, atOnce)
			r.ledger.Note("8", delivery("8", "a"), m) // by turns here and there
			r.flush()
			r.another(func(other *ledgerRig) {
				other.ledger.Note("8", delivery("8", "a"), 1)
				other.flush()
				other.reached("8", delivery("8", "a"), want, atOnce)
			})
		}
	})
}

func TestMarksAreKeptAsLongAsTheyMayMatter(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		for i := range 8 { // at all times of a period
			time.Sleep(7 * time.Hour)
			id := fmt.Sprint(1000 + i)
			r.ledger.Note(id, delivery(id, "plain"), lead.MarkDelivered)
			r.ledger.Note(id, delivery(id, "waited"), 2)
			r.ledger.Note(id, delivery(id, "both"), 2)
			r.ledger.Note(id, delivery(id, "both"), lead.MarkDelivered)
			r.ledger.Note(id, delivery(id, "overtaken"), lead.MarkDelivered)
			r.flush()
			r.ledger.Note(id, delivery(id, "overtaken"), 1)
			time.Sleep(time.Second)
			r.ledger.Note(id, delivery(id, "waited"), lead.MarkDelivered)
			r.flush()
			time.Sleep(3*day - time.Minute)
			r.reached(id, delivery(id, "plain"), lead.MarkDelivered, atOnce)
			time.Sleep(37*day - time.Minute)
			r.reached(id, delivery(id, "plain"), 0, atOnce)
			for _, webhook := range []string{"waited", "both", "overtaken"} {
				r.reached(id, delivery(id, webhook), lead.MarkDelivered, atOnce)
			}
		}
		time.Sleep(56 * day)
		synctest.Wait()
		r.reached("1000", delivery("1000", "both"), 0, atOnce)
		if keys := r.server.Keys(); len(keys) > 0 {
			t.Errorf("left in Redis: %v", keys)
		}
	})
}

func TestAnotherRetentionFindsWhatWasWrittenBefore(t *testing.T) {
	for _, before := range []time.Duration{day, 3 * day, 10 * day} {
		for _, after := range []time.Duration{time.Hour, day, 100 * time.Hour, 20 * day} {
			runLedger(t, ledger.Options{Retention: before}, func(_ *testing.T, r *ledgerRig) {
				r.ledger.Note("1", delivery("1", "plain"), lead.MarkDelivered)
				r.ledger.Note("1", delivery("1", "waited"), 3)
				r.flush()
				time.Sleep(min(before, after) - time.Minute)
				r.opts.Retention = after
				r.another(func(other *ledgerRig) {
					other.reached("1", delivery("1", "plain"), lead.MarkDelivered, atOnce)
					other.reached("1", delivery("1", "waited"), 3, atOnce)
					other.ledger.Note("1", delivery("1", "waited"), 2)
					other.flush()
					other.reached("1", delivery("1", "waited"), 3, atOnce)
				})
			})
		}
	}
}

// TestMarksOfTheVersionBeforeAreFound has what a version wrote that kept marks for a day,
// and those of deliveries handed on for as long as topics.dead_letter_retention says by
// default.
func TestMarksOfTheVersionBeforeAreFound(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		field := func(id string) string {
			text, err := hex.DecodeString(delivery(id, "a")[len("dlv_"):][:16])
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		period := func(length time.Duration) string { return strconv.FormatInt(time.Now().UnixNano()/int64(length), 10) }
		r.server.HSet("leadhook:{0}:delivered:0:"+period(12*time.Hour), field("7"), "0")
		r.server.HSet("leadhook:{0}:handed-on:0:"+period(15*day), field("8"), "16")
		time.Sleep(day - time.Minute)
		r.reached("7", delivery("7", "a"), lead.MarkDelivered, atOnce)
		time.Sleep(29 * day)
		r.reached("8", delivery("8", "a"), 16, atOnce)
	})
}

func TestLookUpsAndMarksTravelTogether(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		r.reached("1", delivery("1", "a"), 0, atOnce) // connected
		r.trips.since()
		var wg sync.WaitGroup
		for n := range 5000 {
			wg.Go(func() {
				id := fmt.Sprint(n)
				r.reached(id, delivery(id, "a"), 0, time.Second)
				r.ledger.Note(id, delivery(id, "a"), lead.MarkDelivered)
				if n%3 == 0 {
					r.reached(id, delivery(id, "a"), lead.MarkDelivered, time.Second)
				}
			})
		}
		wg.Wait()
		r.flush()
		if reads, writes := r.trips.since(); reads > 30 || writes > 30 {
			t.Errorf("5000 deliveries made %d and %d round trips, want some ten each", reads, writes)
		}
	})
}

func TestMarkIsInRedisWithin50ms(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		for n := range 50 {
			id := fmt.Sprint(n)
			r.ledger.Note(id, delivery(id, "a"), lead.MarkDelivered)
			time.Sleep(7 * time.Millisecond)
			if pending := r.metric("leadhook_ledger_pending"); pending > 7 {
				t.Fatalf("got %v marks pending after 50 ms, at one in 7 ms", pending)
			}
		}
		if _, writes := r.trips.since(); writes > 25 {
			t.Errorf("got %d writes in 350 ms, want them to gather", writes)
		}
	})
}

func TestLedgerGoesOnWithoutRedis(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		r.ledger.Note("1", delivery("1", "a"), lead.MarkDelivered)
		r.flush()
		r.line.Cut()
		r.reached("1", delivery("1", "a"), 0, 600*time.Millisecond)
		r.ledger.Note("2", delivery("2", "a"), 3)
		for range 1000 {
			r.reached("2", delivery("2", "a"), 3, 0)
			r.reached("3", delivery("3", "a"), 0, 0)
		}
		r.ledger.Note("4", delivery("4", "a"), lead.MarkDelivered)
		r.reached("4", delivery("4", "a"), lead.MarkDelivered, 0)
		if n := r.metric("leadhook_ledger_unanswered_total"); n != 2001 {
			t.Errorf("got %v unanswered, want 2001", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.ledger.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "2 marks") {
			t.Errorf("Flush: got error %v, want one that says that 2 marks wait", err)
		}
		time.Sleep(time.Hour)
		r.line.Mend()
		time.Sleep(5 * time.Second)
		r.reached("1", delivery("1", "a"), lead.MarkDelivered, atOnce)
		r.flush()
		r.another(func(other *ledgerRig) {
			other.reached("2", delivery("2", "a"), 3, atOnce)
			other.reached("4", delivery("4", "a"), lead.MarkDelivered, atOnce)
		})
		if n := r.lines(); n != 2 {
			t.Errorf("logged %d lines for one outage, reminders aside, want 2: %v", n, r.logs.All())
		}
	})
}

func TestRedisThatHangsCostsOneLookUpItsPatience(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		r.reached("1", delivery("1", "a"), 0, atOnce)
		r.line.Hang()
		r.reached("1", delivery("1", "a"), 0, 600*time.Millisecond)
		for range 20 {
			r.reached("1", delivery("1", "a"), 0, 0)
			time.Sleep(time.Second)
		}
	})
}

func TestDeliveriesOfALeadAreLookedUpTogether(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		r.ledger.Note("1", delivery("1", "a"), 3)
		r.flush()
		r.ledger.Note("1", delivery("1", "c"), lead.MarkDelivered)
		deliveries := make([]string, 100)
		for i := range deliveries {
			deliveries[i] = delivery("1", fmt.Sprint(i))
		}
		copy(deliveries[40:], []string{delivery("1", "a"), delivery("1", "c")})
		want := make([]lead.Mark, len(deliveries))
		want[40], want[41] = 3, lead.MarkDelivered
		began := time.Now()
		got, err := r.ledger.ReachedAll(t.Context(), "1", deliveries)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, error %v, want %v", got, err, want)
		}
		if took := time.Since(began); took > atOnce {
			t.Errorf("looking up %d took %v, want as long as one", len(deliveries), took)
		}
		r.line.Hang()
		cause := errors.New("the partition moved on")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if _, err := r.ledger.ReachedAll(ctx, "1", deliveries); !errors.Is(err, cause) {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}

func TestLookUpEndsWithItsContext(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		r.line.Hang()
		cause := errors.New("the partition moved on")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if m, err := r.ledger.Reached(ctx, "1", delivery("1", "a")); !errors.Is(err, cause) || m != 0 {
			t.Errorf("got %d, error %v, want the context's cause", m, err)
		}
	})
}

func TestEmptiedRedisKnowsNothingAndLearnsAnew(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		r.ledger.Note("1", delivery("1", "a"), lead.MarkDelivered)
		r.flush()
		r.server.FlushAll()
		r.reached("1", delivery("1", "a"), 0, atOnce)
		r.ledger.Note("1", delivery("1", "a"), 2)
		r.flush()
		r.reached("1", delivery("1", "a"), 2, atOnce)
	})
}

func TestScriptsAreSentOnlyToRedisThatDoesNotKnowThem(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		for round := range 3 {
			id := strconv.Itoa(round)
			if err := r.rdb.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				r.claim(id, 0, lead.Claim{})
				r.ledger.Note(id, delivery(id, "a"), 2)
				r.flush()
				r.ledger.Note(id, delivery(id, "a"), lead.MarkDelivered)
				r.flush()
				r.claim(id, 2, lead.Claim{Reached: lead.MarkDelivered})
				id += "0"
			}
			if sent := r.trips.sent(); sent != 2 {
				t.Errorf("round %d: got the text of a script %d times, want it twice", round, sent)
			}
		}
		if lost := r.metric("leadhook_ledger_unanswered_total") + r.metric("leadhook_ledger_unclaimed_total"); lost != 0 {
			t.Errorf("got %v look-ups and claims without an answer, want none", lost)
		}
	})
}

func TestMarksThatRedisRefusesWaitWithinTheirBound(t *testing.T) {
	const bound = 700
	runLedger(t, ledger.Options{MaxPending: bound}, func(t *testing.T, r *ledgerRig) {
		r.trips.refuseWrites(errors.New("used memory is beyond maxmemory"))
		for n := range 2000 {
			id := fmt.Sprint(n)
			r.ledger.Note(id, delivery(id, "a"), 1)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		if n := r.metric("leadhook_ledger_pending"); n < bound || n > bound+512 {
			t.Errorf("got %v marks pending, want %d and what was being written", n, bound)
		}
		pending, dropped := r.metric("leadhook_ledger_pending"), r.metric("leadhook_ledger_dropped_total")
		if pending+dropped != 2000 {
			t.Errorf("got %v pending and %v dropped of 2000", pending, dropped)
		}
		r.reached("1999", delivery("1999", "a"), 1, atOnce) // reads work
		if n := r.metric("leadhook_ledger_unanswered_total"); n != 0 {
			t.Errorf("got %v unanswered, want none", n)
		}
		r.trips.refuseWrites(nil)
		time.Sleep(time.Second)
		r.flush()
		r.another(func(other *ledgerRig) {
			other.reached("0", delivery("0", "a"), 0, atOnce)
			other.reached("1999", delivery("1999", "a"), 1, atOnce)
			other.reached("1300", delivery("1300", "a"), 1, atOnce)
		})
		if n := r.lines(); n != 2 {
			t.Errorf("logged %d lines, want 2: %v", n, r.logs.All())
		}
	})
}

func TestEndOfRunWritesWhatIsPending(t *testing.T) {
	runLedger(t, ledger.Options{}, func(_ *testing.T, r *ledgerRig) {
		for n := range 3000 {
			id := fmt.Sprint(n)
			r.ledger.Note(id, delivery(id, "a"), lead.MarkDelivered)
		}
		r.stop()
		r.another(func(other *ledgerRig) {
			for _, id := range []string{"0", "1500", "2999"} {
				other.reached(id, delivery(id, "a"), lead.MarkDelivered, atOnce)
			}
		})
	})
}
