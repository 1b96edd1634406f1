package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A Key identifies a delivery in the ledger.
type Key struct{ LeadID, Delivery string }

// Marks returns how far deliveries got, in the order of the keys: the mark in Redis or
// the one that was noted here, whichever is further. Zero means that nothing is known.
// It is for tools: unlike [Ledger.Reached] it does not need Run, makes one round trip
// for every 512 keys, and returns an error if Redis does not answer.
func (l *Ledger) Marks(ctx context.Context, keys []Key) ([]lead.Mark, error) {
	marks := make([]lead.Mark, len(keys))
	asked := make([]*lookup, len(keys))
	for i, k := range keys {
		asked[i] = &lookup{location: l.layout.locate(k.LeadID, k.Delivery)}
		marks[i] = l.marks.get(asked[i].location) // before Redis is asked: a mark is removed here only once Redis has it
	}
	sorted := slices.SortedFunc(slices.Values(asked), func(a, b *lookup) int { return a.compare(b.location) })
	for batch := range slices.Chunk(sorted, batchSize) {
		if err := l.lookUp(ctx, batch); err != nil {
			return nil, err
		}
	}
	for i, q := range asked {
		marks[i] = max(q.mark, marks[i])
	}
	return marks, nil
}

// readTimeout is for a round trip of [Ledger.Marks].
const readTimeout = 3 * time.Second

// lookUp looks up a batch that is sorted by location.
func (l *Ledger) lookUp(ctx context.Context, batch []*lookup) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, fmt.Errorf("no answer within %v", readTimeout))
	defer cancel()
	answers := l.ask(ctx, batch, &keyCache{layout: l.layout, list: layout.keysToRead})
	for shard := range runs(batch, location.sameShard) {
		if err := setMarks(shard, answers[0]); err != nil {
			return fmt.Errorf("asking Redis how far deliveries got: %w", err)
		}
		answers = answers[1:]
	}
	return nil
}
