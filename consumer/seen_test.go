package consumer

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A record is never taken for one that came before it did, and for one that came later only as
// far as the list is coarse.
func TestWhenARecordWasFirstSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sights
		start := time.Now()
		var came []time.Time // by offset
		read := 0
		for step := range rapid.IntRange(1, 300).Draw(t, "steps") {
			now := start.Add(time.Duration(step) * time.Second)
			for range rapid.IntRange(0, 3).Draw(t, "records") {
				came = append(came, now)
			}
			s.note(int64(len(came)), now)
			for range rapid.IntRange(0, min(2, len(came)-read)).Draw(t, "read") {
				got := s.of(int64(read), now)
				if got.Before(came[read]) || len(s.list) > mostSights || step < mostSights && !got.Equal(came[read]) {
					t.Fatalf("the record at %d came %v and was first seen %v, by a list of %d", read, came[read], got, len(s.list))
				}
				read++
			}
		}
	})
}
