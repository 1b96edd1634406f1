package webhook_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/leadhook/leadhook/webhook/topic"
)

// A memoryLog is a topic in memory, which does what Kafka does: it rolls segments and
// answers a fetch from one of them only, and it compacts all but the last. It can be made
// to lose its end, or be made anew.
type memoryLog struct {
	mu       sync.Mutex
	records  []topic.Record // guarded by mu: what compaction left
	full     []topic.Record // guarded by mu: everything that was appended
	end      int64          // guarded by mu
	segments []int64        // guarded by mu: where each but the first begins
	breaks   int            // guarded by mu: how often the log was cut or made anew
	grown    chan struct{}  // guarded by mu: closed and replaced when any of these changes

	roll func() bool // whether to roll before the next record
}

func newMemoryLog(roll func() bool) *memoryLog {
	return &memoryLog{grown: make(chan struct{}), roll: roll}
}

func (l *memoryLog) Close() error { return nil }

func (l *memoryLog) Start(context.Context) (int64, error) { return 0, nil }

func (l *memoryLog) End(context.Context) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end, nil
}

func (l *memoryLog) Append(_ context.Context, records []topic.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records {
		if l.end > 0 && l.roll() {
			l.segments = append(l.segments, l.end)
		}
		r := records[i]
		r.Offset, r.Value, r.Time = l.end, slices.Clone(r.Value), time.Now()
		records[i].Offset = l.end
		l.records, l.full = append(l.records, r), append(l.full, r)
		l.end++
	}
	l.changed()
	return nil
}

// changed wakes who waits. The caller must hold mu.
func (l *memoryLog) changed() {
	close(l.grown)
	l.grown = make(chan struct{})
}

var errLeader = errors.New("another broker leads the partition")

func (l *memoryLog) Fetch(ctx context.Context, from int64, wait time.Duration, _ int) (topic.Chunk, error) {
	until := time.After(wait)
	l.mu.Lock()
	breaks := l.breaks
	for {
		chunk, err := l.chunk(from)
		grown, broken := l.grown, l.breaks != breaks
		l.mu.Unlock()
		switch {
		case broken:
			return topic.Chunk{}, errLeader
		case err != nil || chunk.Next > from || wait == 0:
			return chunk, err
		}
		select {
		case <-grown:
		case <-until:
			return chunk, nil
		case <-ctx.Done():
			return topic.Chunk{}, ctx.Err()
		}
		l.mu.Lock()
	}
}

func (l *memoryLog) chunk(from int64) (topic.Chunk, error) {
	if from > l.end {
		return topic.Chunk{}, topic.ErrOutOfRange
	}
	chunk := topic.Chunk{Next: l.end, End: l.end}
	for _, r := range l.records {
		if r.Offset < from {
			continue
		}
		if len(chunk.Records) > 0 && l.segment(r.Offset) != l.segment(chunk.Records[0].Offset) {
			break
		}
		chunk.Records = append(chunk.Records, r)
		chunk.Next = r.Offset + 1
	}
	return chunk, nil
}

// segment returns the number of the segment with an offset.
func (l *memoryLog) segment(offset int64) int {
	n, found := slices.BinarySearch(l.segments, offset)
	if found {
		n++
	}
	return n
}

// compact removes each record below an offset after which there is another one of its key
// below it, if both are in segments that are closed.
func (l *memoryLog) compact(below int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	below = min(below, l.end-1)
	last := make(map[string]int64)
	for _, r := range l.records {
		if r.Offset < below {
			last[r.Key] = r.Offset
		}
	}
	l.records = slices.DeleteFunc(slices.Clone(l.records), func(r topic.Record) bool {
		return r.Offset < below && last[r.Key] != r.Offset
	})
}

// cut removes the records from an offset on, for ever. What compaction removed before is
// lost too: the record that it was removed for may be one of those.
func (l *memoryLog) cut(end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := func(r topic.Record) bool { return r.Offset >= end }
	l.records = slices.DeleteFunc(slices.Clone(l.records), gone)
	l.full = slices.Clone(l.records)
	l.segments = slices.DeleteFunc(slices.Clone(l.segments), func(begin int64) bool { return begin >= end })
	l.end = end
	l.breaks++
	l.changed()
}

// everything returns all records that were ever appended, or those that are left.
func (l *memoryLog) everything() (full, left []topic.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.full), slices.Clone(l.records)
}

func (l *memoryLog) broke() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.breaks
}
