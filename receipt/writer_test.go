package receipt_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/leadhook/leadhook/receipt"
)

func TestReceiptsGatherForATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		defer r.close(t)
		for offset := range int64(3) {
			r.write(t, 3, offset)
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(9 * time.Millisecond) // 99 ms after the first
		synctest.Wait()
		if got := r.topic.of(3); len(got) != 0 || r.settled.count() != 0 {
			t.Errorf("%d receipts published and %d settled before 100 ms", len(got), r.settled.count())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		got := r.topic.batchesOf(3)
		if len(got) != 1 || len(got[0]) != 3 || r.settled.count() != 3 {
			t.Fatalf("got batches %v and %d settled, want one of 3, all settled", got, r.settled.count())
		}
		want := ordinary()
		want.Place.Offset = 0
		if diff := cmp.Diff(want, got[0][0]); diff != "" {
			t.Errorf("the first receipt, -want +got:\n%s", diff)
		}
		bytes := 0
		for _, one := range got[0] {
			bytes += len(one.Append(nil)) + len(one.Advertiser)
		}
		if n := r.value("leadhook_receipts_bytes_total"); n != float64(bytes) {
			t.Errorf("%v bytes are counted, want %d", n, bytes)
		}
	})
}

func TestALargeBatchDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		defer r.close(t)
		size := len(ordinary().Append(nil))
		for offset := range int64(600 << 10 / size) {
			r.write(t, 0, offset)
		}
		synctest.Wait() // no time passes
		got := r.topic.batchesOf(0)
		if len(got) != 1 {
			t.Fatalf("%d batches at once, want one of 512 KiB", len(got))
		}
		if bytes := len(got[0]) * size; bytes < 500<<10 || bytes > 520<<10 {
			t.Errorf("the batch has %d bytes, want 512 KiB", bytes)
		}
	})
}

func TestReceiptsOfAPartitionKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true)
		r.topic.set(true, 0)
		for offset := range int64(3000) {
			r.write(t, 0, offset)
			r.write(t, 1, offset)
		}
		time.Sleep(time.Minute)
		r.topic.set(false, 0)
		r.close(t)
		for partition := range 2 {
			got := r.topic.of(partition)
			if len(got) != 3000 {
				t.Fatalf("%d receipts in partition %d, want 3000", len(got), partition)
			}
			for i, one := range got {
				if one.Place.Offset != int64(i) || one.Place.Partition != partition {
					t.Fatalf("receipt %d of partition %d is that of %s", i, partition, one.Place)
				}
			}
		}
	})
}

func TestEventsWithoutWebhooksHaveAReceiptASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		defer r.close(t)
		for _, offset := range []int64{7, 5, 6, 9, 6, 12, 11} { // 6 twice, as after a rebalance
			r.nobodys(t, "leads", 0, offset)
			time.Sleep(100 * time.Millisecond)
		}
		r.nobodys(t, "leads.retry.10s", 0, 6)
		time.Sleep(299 * time.Millisecond)
		synctest.Wait()
		if got := r.topic.of(0); len(got) != 0 || r.settled.count() != 0 {
			t.Errorf("%d receipts and %d settled within the second", len(got), r.settled.count())
		}
		time.Sleep(102 * time.Millisecond)
		synctest.Wait()
		got := r.topic.of(0)
		want := []receipt.Offsets{
			{Topic: "leads", First: 5, Last: 7, Count: 3}, {Topic: "leads", First: 9, Last: 9, Count: 1}, {Topic: "leads", First: 11, Last: 12, Count: 2},
			{Topic: "leads.retry.10s", First: 6, Last: 6, Count: 1},
		}
		if len(got) != 1 || got[0].Type != receipt.TypeNoWebhooks || got[0].Count != 7 || got[0].Instance != "leadhook-0" ||
			!slices.Equal(got[0].Offsets, want) || got[0].At.Sub(got[0].Since) != 700*time.Millisecond {
			t.Errorf("got %+v, want one with %+v", got, want)
		}
		if r.settled.count() != 7 {
			t.Errorf("%d settled, want 7", r.settled.count())
		}
	})
}

func TestAReceiptHasABoundedNumberOfRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		for offset := range int64(2500) {
			r.nobodys(t, "leads", 0, 2*offset)
		}
		r.close(t)
		var sizes []int
		for _, one := range r.topic.of(0) {
			sizes = append(sizes, len(one.Offsets))
		}
		if !slices.Equal(sizes, []int{1000, 1000, 500}) {
			t.Errorf("receipts with %v ranges, want at most 1000 in each", sizes)
		}
	})
}

func TestNothingIsLostWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		defer r.close(t)
		r.topic.set(true, 0)
		r.write(t, 0, 1)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if r.settled.count() != 0 {
			t.Error("a record is settled whose receipt is not safe")
		}
		r.topic.set(false, 0)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := r.topic.of(0); len(got) != 1 || got[0].Type != receipt.TypeRecord || r.settled.count() != 1 {
			t.Errorf("got %v and %d settled, want the receipt", got, r.settled.count())
		}
		if len(r.lines()) != 0 {
			t.Errorf("logged %q", r.lines())
		}
	})
}

func TestLeadsGoOnAfterAMinuteAndAGapFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.topic.set(true, 0)
		began := time.Now()
		for offset := range int64(600) { // one each second
			r.write(t, 0, 10+offset)
			r.nobodys(t, "leads.retry.10s", 0, 1000+3*offset)
			r.write(t, 1, offset)
			time.Sleep(time.Second)
			if n := int(offset) - 62; n > 0 && r.settled.count() < 2*n {
				t.Fatalf("after %d s %d are settled: leads do not go on", offset, r.settled.count())
			}
		}
		r.topic.set(false, 0)
		time.Sleep(10 * time.Second)
		r.write(t, 0, 9000)
		r.close(t)

		got := r.topic.of(0)
		gap := got[0]
		want := []receipt.Offsets{{Topic: "leads", First: 10, Last: 609}, {Topic: "leads.retry.10s", First: 1000, Last: 1000 + 3*599}}
		recorded := int64(0)
		for _, one := range got[1 : len(got)-1] { // of what came since the gap was tried last
			recorded += max(one.Count, 1)
		}
		if gap.Type != receipt.TypeGap || gap.Count+recorded != 1200 || gap.Error != errAway.Error() || gap.Partition != 0 || recorded > 20 {
			t.Errorf("the gap is %+v, and %d have receipts; want 1200 together", gap, recorded)
		}
		for i, o := range gap.Offsets {
			if o.Topic != want[i].Topic || o.First != want[i].First || o.Last > want[i].Last || o.Last < want[i].Last-30 {
				t.Errorf("the gap has %+v, want about %+v", o, want[i])
			}
		}
		if gap.Since.Before(began) || gap.Since.Sub(began) > time.Second || gap.At.Sub(began) < 9*time.Minute {
			t.Errorf("the gap is from %v to %v", gap.Since.Sub(began), gap.At.Sub(began))
		}
		if last := got[len(got)-1]; last.Place.Offset != 9000 || r.settled.count() != 1801 {
			t.Errorf("the last receipt is %+v, and %d are settled; want 9000 and 1801", last, r.settled.count())
		}
		if n := len(r.topic.of(1)); n != 600 {
			t.Errorf("%d receipts in the other partition, want 600", n)
		}
		lines := slices.Compact(r.lines())
		if !slices.Equal(lines, []string{"receipts are lost; leads go on without them", "receipts are no longer lost; a record says which were"}) {
			t.Errorf("logged %q", lines)
		}
		if n := r.logged.Len(); n > 12 {
			t.Errorf("%d lines for ten minutes", n)
		}
		if n, err := testutil.GatherAndCount(r.reg); err != nil || n != 3 {
			t.Errorf("%d metrics, %v", n, err)
		}
		if err := testutil.GatherAndCompare(r.reg, strings.NewReader(`# HELP leadhook_receipts_pending_bytes Receipts that Kafka has not acknowledged yet, in bytes of memory.
# TYPE leadhook_receipts_pending_bytes gauge
leadhook_receipts_pending_bytes 0
`), "leadhook_receipts_pending_bytes"); err != nil {
			t.Error(err)
		}
	})
}

func TestRequiredReceiptsAreNeverLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true)
		r.topic.set(true, 0)
		large := ordinary()
		large.Deliveries[0].Attempts[0].Answer = strings.Repeat("x", 64<<10)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errors.New("the generation ended"))
		defer cancel()
		n := 0
		for n < 1000 {
			large.Place = receipt.Place{Topic: "leads", Offset: int64(n)}
			err := r.Write(ctx, large, r.settled.of(large.Place))
			if err != nil {
				if err.Error() != "the generation ended" {
					t.Errorf("Write returned %v, want the cause", err)
				}
				break
			}
			n++
		}
		if bytes := n * 64 << 10; bytes < 15<<20 || bytes > 17<<20 {
			t.Errorf("%d bytes are pending, want 16 MiB", bytes)
		}
		if r.settled.count() != 0 {
			t.Errorf("%d are settled without a receipt", r.settled.count())
		}
		time.AfterFunc(time.Hour, func() { r.topic.set(false, 0) })
		large.Place = receipt.Place{Topic: "leads", Offset: 5000}
		if err := r.Write(t.Context(), large, r.settled.of(large.Place)); err != nil {
			t.Fatal(err)
		}
		r.close(t)
		if got := r.topic.of(0); len(got) != n+1 || r.settled.count() != n+1 {
			t.Errorf("%d receipts, %d settled, want %d", len(got), r.settled.count(), n+1)
		}
	})
}

func TestAFullPartitionWaitsAMinuteAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.topic.set(true, 0)
		large := ordinary()
		large.Deliveries[0].Attempts[0].Answer = strings.Repeat("x", 64<<10)
		began := time.Now()
		for offset := range int64(400) {
			large.Place = receipt.Place{Topic: "leads", Offset: offset}
			if err := r.Write(t.Context(), large, r.settled.of(large.Place)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %v, want a minute", took)
		}
		r.topic.set(false, 0)
		r.close(t)
	})
}

func TestFlushDoesNotWaitForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		defer r.close(t)
		began := time.Now()
		r.write(t, 0, 1)
		r.nobodys(t, "leads", 1, 2)
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.settled.count() != 2 || time.Since(began) != 0 {
			t.Errorf("%d settled after %v, want 2 at once", r.settled.count(), time.Since(began))
		}
		r.topic.set(true, 0)
		r.write(t, 0, 3)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("too late"))
		defer cancel()
		if err := r.Flush(ctx); err == nil || !strings.Contains(err.Error(), "partition 0") || !strings.Contains(err.Error(), "too late") {
			t.Errorf("Flush returned %v, want the partition and the cause", err)
		}
		r.topic.set(false, 0)
	})
}

func TestCloseLeavesWhatIsNotSafeUnsettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.topic.set(true, 0)
		r.write(t, 0, 1)
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close returned %v", err)
		}
		if r.settled.count() != 0 {
			t.Error("it is settled without a receipt")
		}
		if err := r.Write(t.Context(), ordinary(), nil); !errors.Is(err, receipt.ErrClosed) {
			t.Errorf("Write after Close returned %v", err)
		}
		if err := r.NoWebhooks(t.Context(), receipt.Place{Topic: "leads"}, nil); !errors.Is(err, receipt.ErrClosed) {
			t.Errorf("NoWebhooks after Close returned %v", err)
		}
	})
}

func TestCloseWaitsForTheRecordOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.topic.set(true, 0)
		r.write(t, 0, 1)
		time.Sleep(2 * time.Minute)
		time.AfterFunc(30*time.Second, func() { r.topic.set(false, 0) })
		r.close(t)
		if got := r.topic.of(0); len(got) != 1 || got[0].Type != receipt.TypeGap {
			t.Errorf("got %v, want the gap", got)
		}
	})
}

func TestAGapWithoutARecordIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		r.topic.set(true, 4)
		r.write(t, 4, 1)
		r.nobodys(t, "leads", 4, 2)
		time.Sleep(2 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.Close(ctx); err == nil {
			t.Error("Close returned nil")
		}
		last := r.logged.All()[r.logged.Len()-1]
		if last.Message != "receipts were lost, and no record says so" || last.ContextMap()["lost"] != int64(2) || last.ContextMap()["partition"] != int64(4) {
			t.Errorf("logged %v", last)
		}
	})
}

func TestMetricsBeginWithTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		defer r.close(t)
		if n, err := testutil.GatherAndCount(r.reg); err != nil || n != 3 {
			t.Errorf("%d metrics, %v, want 3 before anything is written", n, err)
		}
		if problems, err := testutil.GatherAndLint(r.reg); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v %v", problems, err)
		}
	})
}
