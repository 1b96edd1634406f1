package lead

// A Mark is how far a delivery has got. The ledger remembers one for each delivery, and
// each record of the delivery has one. A record whose mark is smaller than the one in
// the ledger was settled before, and needs no attempt. The zero Mark is that of a record
// of the live topic, and of a delivery that the ledger does not know.
//
// A multiple of marksPerReplay means that a replay was published; the marks up to the
// next multiple belong to that replay. The last one of these means that the delivery is
// a dead letter, each other one that it waits.
type Mark uint16

// MarkDelivered is the mark of a delivery that a CRM has accepted. It is the largest
// mark.
const MarkDelivered Mark = 1<<16 - 1

// marksPerReplay is more than a delivery needs from one replay to the next: for the
// live record, a deferral of it, twelve scheduled waits and the dead letter.
const marksPerReplay = 16

// MaxReplays is how often a delivery can be replayed: there are no marks for more.
const MaxReplays = int(MarkDelivered)/marksPerReplay - 1

// MarkOf returns the mark of a record with this history. If waiting is true, that is a
// record of a retry topic; otherwise it is one of the live topic, or a replay at the
// time when it was published.
func MarkOf(h *History, waiting bool) Mark {
	n := min(h.Replays, MaxReplays) * marksPerReplay
	if waiting {
		n += min(h.Step+1, marksPerReplay-2)
	}
	return Mark(n)
}

// Buried returns the mark of a delivery that has become a dead letter, if its record had
// the mark m before.
func (m Mark) Buried() Mark { return m - m%marksPerReplay + marksPerReplay - 1 }

// A Fate is what became of a dead letter.
type Fate string

// The fates.
const (
	FateUnknown   Fate = "unknown"    // the ledger does not know the delivery
	FateDead      Fate = "dead"       // it was not replayed
	FateUnderWay  Fate = "under_way"  // it was replayed, and is not settled yet
	FateDelivered Fate = "delivered"  // it was replayed, and a CRM accepted it
	FateDeadAgain Fate = "dead_again" // it was replayed, and became another dead letter
)

// Fate returns what became of a dead letter, if its delivery now has the mark m. replays
// is how often it had been replayed when it became this dead letter.
func (m Mark) Fate(replays int) Fate {
	next := MarkOf(&History{Replays: replays + 1}, false)
	switch {
	case m == 0:
		return FateUnknown
	case m == MarkDelivered:
		return FateDelivered
	case m < next || replays >= MaxReplays:
		return FateDead
	case m == m.Buried():
		return FateDeadAgain
	}
	return FateUnderWay
}
