package ledger_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

func TestMarksOfMany(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		const n = 1500
		var keys []ledger.Key
		want := make([]lead.Mark, n)
		for i := range n {
			id := strconv.Itoa(1 + (i*7919)%100_000) // in no order
			keys = append(keys, ledger.Key{LeadID: id, Delivery: delivery(id, "a")})
			if i%3 > 0 {
				want[i] = lead.Mark(1 + i)
				r.ledger.Note(id, delivery(id, "a"), want[i])
			}
		}
		r.marks(r.ledger, keys, want) // not in Redis yet
		r.flush()
		r.trips.since()
		r.marks(r.ledger, keys, want)
		if reads, _ := r.trips.since(); reads != 3 {
			t.Errorf("%d round trips for 1,500 deliveries, want 3", reads)
		}
		r.another(func(other *ledgerRig) { r.marks(other.ledger, keys, want) })
		r.marks(r.ledger, nil, []lead.Mark{})
		twice := []ledger.Key{keys[1], keys[0], keys[1]}
		r.marks(r.ledger, twice, []lead.Mark{want[1], 0, want[1]})
	})
}

func (r *ledgerRig) marks(of *ledger.Ledger, keys []ledger.Key, want []lead.Mark) {
	r.t.Helper()
	got, err := of.Marks(r.t.Context(), keys)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		r.t.Errorf("marks: %v, -want +got:\n%s", err, diff)
	}
}

func TestMarksFailWithoutRedis(t *testing.T) {
	for name, away := range map[string]func(*redistest.Line){"away": (*redistest.Line).Cut, "hanging": (*redistest.Line).Hang} {
		runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
			away(r.line)
			if got, err := r.ledger.Marks(t.Context(), []ledger.Key{{LeadID: "1", Delivery: "dlv_1"}}); err == nil {
				t.Errorf("%s: got %v, want an error", name, got)
			}
		})
	}
}
