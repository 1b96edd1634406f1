package dlq

import (
	"context"
	"maps"
	"time"

	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/lead"
)

// A decision is what a replay does with a dead letter, and why.
type decision int

const (
	replay     decision = iota // publish it again
	delivered                  // nothing: a CRM has taken it
	again                      // nothing: it was replayed already
	unreadable                 // nothing: it was never a delivery
	newer                      // nothing: a later version of leadhook wrote it
	tooOften                   // nothing: marks have no room for one more
	forgotten                  // nothing: it is so old that the ledger may have forgotten what became of it
)

// decide returns what a replay does with a letter whose delivery got as far as m. The
// ledger may have forgotten those before remembered.
func decide(l *deadletter.Letter, m lead.Mark, remembered time.Time) decision {
	switch {
	case l.Newer:
		return newer
	case undeliverable(l) || l.Delivery == "":
		return unreadable
	case m == lead.MarkDelivered:
		return delivered
	case l.Replays >= lead.MaxReplays:
		return tooOften
	case m >= replayed(l):
		return again
	case m == 0 && l.Buried.Before(remembered):
		return forgotten
	}
	return replay
}

// decisions asks the ledger how far the deliveries got, and decides about each
// letter. While one letter of a delivery is being replayed, the others count as
// replayed.
func (p *replayer) decisions(ctx context.Context, letters []deadletter.Letter) ([]decision, error) {
	p.mu.Lock()
	underWay := maps.Clone(p.underWay) // before the ledger is asked, which has them afterwards
	p.mu.Unlock()
	reached, err := marks(ctx, p.ledger, letters)
	if err != nil {
		return nil, err
	}
	decisions := make([]decision, len(letters))
	for i := range letters {
		l := &letters[i]
		decisions[i] = decide(l, max(reached[i], underWay[l.Delivery]), p.remembered)
		if decisions[i] == replay {
			underWay[l.Delivery] = replayed(l)
		}
	}
	return decisions, nil
}
