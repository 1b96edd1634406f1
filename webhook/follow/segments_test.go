package follow_test

import (
	"context"
	"testing"
	"time"

	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/topic"
)

// A segmented topic answers as Kafka does if each record is in a segment of its own.
type segmented struct{ follow.Topic }

func (s segmented) Fetch(ctx context.Context, from int64, wait time.Duration, maxBytes int) (topic.Chunk, error) {
	chunk, err := s.Topic.Fetch(ctx, from, wait, maxBytes)
	if len(chunk.Records) > 1 {
		chunk.Records, chunk.Next = chunk.Records[:1], chunk.Records[0].Offset+1
	}
	return chunk, err
}

func TestSharesAreFilledAcrossSegments(t *testing.T) {
	r := newRig(t)
	r.log.Topic = segmented{r.topic}
	for n, keys := range [][]string{{"a", "b"}, {"c"}, {"d", "e", "f"}} {
		r.put(1, "C", keys...)
		end := r.end()
		for share, s := range r.fill() {
			if s.Err != nil || s.Applied != end {
				t.Fatalf("after %d appends share %d is at %+v, the topic ends at %d", n+1, share, s, end)
			}
		}
	}
}
