package dlq

import (
	"context"
	"maps"

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
	tooOften                   // nothing: marks have no room for one more
)

func decide(l *deadletter.Letter, m lead.Mark) decision {
	switch {
	case undeliverable(l) || l.Delivery == "":
		return unreadable
	case m == lead.MarkDelivered:
		return delivered
	case l.Replays >= lead.MaxReplays:
		return tooOften
	case m >= replayed(l):
		return again
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
		decisions[i] = decide(l, max(reached[i], underWay[l.Delivery]))
		if decisions[i] == replay {
			underWay[l.Delivery] = replayed(l)
		}
	}
	return decisions, nil
}
