package deadletter

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/leadhook/leadhook/topics"
)

const (
	firstChunk   = 100  // records of a partition that are read at most in the first round
	largestChunk = 8192 // records of a partition that are read at once, if few were wanted so far
	sideBySide   = 4    // partitions that are read at the same time
)

// A newest collects the newest n letters out of many. It is safe for concurrent
// use, and holds at most twice as many.
type newest struct {
	n int

	mu      sync.Mutex
	letters []Letter // guarded by mu; once full, the first n are sorted
	full    bool     // guarded by mu; there are n, so that letters older than oldest do not matter
	oldest  Letter   // guarded by mu; of the first n, if full
}

// wants reports whether a letter of that time would be one of the newest.
func (b *newest) wants(buried time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.full || !buried.Before(b.oldest.Buried)
}

func (b *newest) add(l Letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.letters = append(b.letters, l); len(b.letters) >= 2*b.n {
		b.cut()
	}
}

// cut drops all but the newest n. The caller holds mu.
func (b *newest) cut() {
	slices.SortFunc(b.letters, func(x, y Letter) int { return byTime(y, x) })
	if len(b.letters) >= b.n {
		b.letters = b.letters[:b.n]
		b.full, b.oldest = true, b.letters[b.n-1]
	}
}

// sorted returns the letters, the newest first.
func (b *newest) sorted() []Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut()
	return b.letters
}

func byTime(a, b Letter) int {
	return cmp.Or(a.Buried.Compare(b.Buried), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// findNewest returns the newest n letters that a filter wants, newest first, and
// the ends of the partitions when it began.
func (r *Reader) findNewest(ctx context.Context, f *Filter, n int) (letters []Letter, ends map[int]int64, err error) {
	err = whileElecting(ctx, func() error {
		letters, ends, err = r.tryNewest(ctx, f, n)
		return err
	})
	return letters, ends, err
}

// tryNewest is findNewest without retries.
func (r *Reader) tryNewest(ctx context.Context, f *Filter, n int) ([]Letter, map[int]int64, error) {
	ranges, err := r.ranges(ctx, f)
	if err != nil {
		return nil, nil, r.readError(err, topics.AnyPartition)
	}
	ends := make(map[int]int64, len(ranges))
	for partition, s := range ranges {
		ends[partition] = s.end
	}
	if n == 0 {
		return nil, ends, nil
	}
	best := &newest{n: n}
	err = r.backwards(ctx, f, ranges, best)
	return best.sorted(), ends, err
}

// backwards reads from the ends towards the beginnings, in rounds. A round reads
// one chunk of every partition, so that no partition is read much further back than
// the others. It stops reading a partition when a whole chunk is older than the
// newest n letters: a partition is in order of time, except that concurrent
// publishers may overtake each other by moments.
func (r *Reader) backwards(ctx context.Context, f *Filter, ranges map[int]offsetRange, best *newest) error {
	count := r.count(ranges)
	left := maps.Clone(ranges)
	for size := min(best.n, firstChunk); len(left) > 0; size = min(2*size, largestChunk) {
		newestOf, err := r.round(ctx, f, left, int64(size), best, count)
		if err != nil {
			return err
		}
		best.sorted()
		for partition, s := range left {
			s.end = max(s.first, s.end-int64(size))
			left[partition] = s
			if at := newestOf[partition]; s.end == s.first || !at.IsZero() && !best.wants(at) {
				delete(left, partition)
			}
		}
	}
	return nil
}

// round reads the last chunk of each range, and returns the time of the newest record
// in it, by partition; zero if the chunk has no record.
func (r *Reader) round(
	ctx context.Context, f *Filter, ranges map[int]offsetRange, size int64, best *newest, count *counter,
) (map[int]time.Time, error) {
	newestOf := make(map[int]time.Time, len(ranges))
	var mu sync.Mutex // guards newestOf
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(sideBySide)
	for partition, s := range ranges {
		chunk := offsetRange{max(s.first, s.end-size), s.end}
		readers.Go(func() error {
			var at time.Time
			err := r.read(ctx, partition, chunk, count, func(found *found) error {
				if found.Buried.After(at) {
					at = found.Buried
				}
				if !f.Wants(&found.Letter) || !best.wants(found.Buried) {
					return nil
				}
				letter, err := found.letter(false)
				if f.wantsLead(&letter) {
					best.add(letter)
				}
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			newestOf[partition] = at
			return err
		})
	}
	return newestOf, readers.Wait()
}
