package consumer

import (
	"math/bits"
	"sync"
	"time"
)

// A window tracks one partition's messages from when they are fetched to when
// they are committed. Messages settle in any order; only the prefix in which all
// are settled may be committed.
//
// A settled message behind an open one takes one bit, so that one attempt that
// hangs does not hold up the messages after it.
type window struct {
	mu      sync.Mutex
	base    int64     // every offset below it is settled
	next    int64     // the offset after the last one fetched
	settled []uint64  // a ring of bits, one for each offset from base to next
	limit   int       // of bits in the ring
	since   time.Time // when base became the oldest open offset
}

const (
	smallestRing = 1 << 10
	largestRing  = 1 << 20
)

// newWindow returns the window of a partition that is read from offset start.
func newWindow(start int64) *window {
	return &window{base: start, next: start, settled: make([]uint64, smallestRing/64), limit: largestRing}
}

// add marks the message at offset as open. Offsets that were skipped count as
// settled: compaction and transactions leave gaps. It returns false, and changes
// nothing, while the window is full.
func (w *window) add(offset int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.base == w.next {
		w.base, w.next = offset, offset
		w.since = time.Now()
	}
	if !w.fits(offset) {
		return false
	}
	for gap := w.next; gap < offset; gap++ {
		w.set(gap)
	}
	w.next = offset + 1
	return true
}

// fits grows the ring for offset if necessary. It reports whether there is room.
func (w *window) fits(offset int64) bool {
	need := offset - w.base + 1
	if need > int64(w.limit) {
		return false
	}
	if need <= w.size() {
		return true
	}
	old, size := w.settled, w.size()
	w.settled = make([]uint64, 1<<bits.Len64(uint64(need-1))/64)
	for o := w.base; o < w.next; o++ {
		if i := o & (size - 1); old[i/64]&(1<<(i%64)) != 0 {
			w.set(o)
		}
	}
	return true
}

// settle marks the message at offset, which must have been added, as settled. It
// reports whether the prefix grew.
func (w *window) settle(offset int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(offset)
	if offset != w.base {
		return false
	}
	for w.base < w.next && w.clear(w.base) {
		w.base++
	}
	w.since = time.Now()
	return true
}

// committable returns the offset to commit: the first that is not settled.
func (w *window) committable() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if commitsEarly {
		return w.next
	}
	return w.base
}

// read returns the offset up to which messages were fetched.
func (w *window) read() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

// oldest returns when the oldest open message began to hold up the prefix, and
// false if no message is open.
func (w *window) oldest() (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.since, w.base < w.next
}

func (w *window) size() int64 { return int64(len(w.settled)) * 64 }

func (w *window) set(offset int64) {
	i := offset & (w.size() - 1)
	w.settled[i/64] |= 1 << (i % 64)
}

// clear clears the bit, so that the ring can use it again. It reports whether it
// was set.
func (w *window) clear(offset int64) bool {
	i := offset & (w.size() - 1)
	word, bit := &w.settled[i/64], uint64(1)<<(i%64)
	wasSet := *word&bit != 0
	*word &^= bit
	return wasSet
}
