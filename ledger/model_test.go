package ledger_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

// TestLedgerIsAMapOfMaxima compares two instances, whose Redis comes and goes,
// with a plain map.
func TestLedgerIsAMapOfMaxima(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 60).Draw(rt, "steps")
		runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
			r.another(func(other *ledgerRig) {
				model := make(map[string]lead.Mark)
				for i, s := range steps {
					s.do([]*ledgerRig{r, other}[i%2], r, model)
				}
				r.line.Mend()
				_, _ = r.ledger.Reached(t.Context(), "1", "a1") // may find out that its connection is dead
				time.Sleep(5 * time.Second)
				r.flush()
				other.flush()
				for id, want := range model {
					r.reached(id[1:], id, want, atOnce)
					other.reached(id[1:], id, want, atOnce)
				}
			})
		})
		if t.Failed() {
			rt.Fatal("see above")
		}
	})
}

type step struct {
	what    string
	lead    string
	webhook string
	mark    lead.Mark
}

func drawStep(t *rapid.T) step {
	return step{
		what:    rapid.SampledFrom([]string{"note", "note", "note", "flush", "pause", "cut", "mend"}).Draw(t, "what"),
		lead:    rapid.SampledFrom([]string{"1", "2", "64", "98765432109876543210"}).Draw(t, "lead"),
		webhook: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "webhook"),
		mark:    rapid.SampledFrom([]lead.Mark{1, 2, 17, 200, lead.MarkDelivered - 1, lead.MarkDelivered}).Draw(t, "mark"),
	}
}

// do takes the step at one instance; the line that is cut is the first one's.
func (s step) do(at, first *ledgerRig, model map[string]lead.Mark) {
	id := s.webhook + s.lead
	switch s.what {
	case "note":
		at.ledger.Note(s.lead, id, s.mark)
		model[id] = max(model[id], s.mark)
	case "flush":
		if at != first {
			at.flush()
		}
	case "pause":
		time.Sleep(time.Duration(s.mark) * time.Millisecond)
	case "cut":
		first.line.Cut()
	case "mend":
		first.line.Mend()
	}
}
