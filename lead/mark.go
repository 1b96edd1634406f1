package lead

// A Mark is how far a delivery has got, as the ledger remembers it and as each
// record of it carries: a record that is behind its delivery's mark was settled
// by somebody before, and needs no attempt. The zero Mark is that of a record
// of the live topic, and of a delivery that nothing is known of.
//
// The marks between two multiples of marksPerReplay are those of one replay:
// the multiple itself says that the replay was published, the last of them that
// the delivery is a dead letter, those between that it waits.
type Mark uint16

// MarkDelivered is the mark of a delivery that a CRM has taken. No record is
// beyond it.
const MarkDelivered Mark = 1<<16 - 1

// marksPerReplay is more than a delivery can get from one replay to the next:
// the live record, a deferral of it, twelve scheduled waits and the dead letter.
const marksPerReplay = 16

// MaxReplays is how often a delivery can be replayed, since marks have no room
// for more.
const MaxReplays = int(MarkDelivered)/marksPerReplay - 1

// MarkOf is the mark of a record: of the live topic, or of a replay when it was
// published, unless waiting; of a retry topic otherwise.
func MarkOf(h *History, waiting bool) Mark {
	n := min(h.Replays, MaxReplays) * marksPerReplay
	if waiting {
		n += min(h.Step+1, marksPerReplay-2)
	}
	return Mark(n)
}

// Buried is the mark of a delivery that became a dead letter when its record
// had the mark m.
func (m Mark) Buried() Mark { return m - m%marksPerReplay + marksPerReplay - 1 }

// A Fate is what became of a dead letter afterwards.
type Fate string

// The fates.
const (
	FateUnknown   Fate = "unknown"    // the ledger knows nothing of the delivery
	FateDead      Fate = "dead"       // it was not replayed
	FateUnderWay  Fate = "under_way"  // it was replayed, and has not ended yet
	FateDelivered Fate = "delivered"  // a CRM took it after all
	FateDeadAgain Fate = "dead_again" // it was replayed, and there is another dead letter of it
)

// Fate is what became of a dead letter that had been replayed so often, when
// its delivery has the mark m.
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
