package fetch

import (
	"context"
	"time"

	"github.com/leadhook/leadhook/internal/recordbatch"
)

// largestBatch is the size of the largest batch, as it is sent, whose records are handed
// out. The largest that a broker takes are some MB, unless it was told otherwise.
func (f *Fetcher) largestBatch() int {
	const usual = 16 << 20
	return max(usual, f.unpack.Limit())
}

// makeRoom reports whether so many bytes of an answer may be held, which then count.
func (f *Fetcher) makeRoom(bytes int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held > 0 && f.held+bytes > f.opts.HeldBytes {
		f.full = true // until there is room again
		f.sweepSoon()
		return false
	}
	f.held += bytes
	return true
}

// discard ends the holding of an answer's bytes, which nobody may use any longer.
func (f *Fetcher) discard(raw []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.give(raw)
}

// give is discard for a caller that holds mu.
func (f *Fetcher) give(raw []byte) {
	f.held -= len(raw)
	f.buffers.put(raw)
	if f.full && f.held <= f.opts.HeldBytes/2 {
		f.full = false
		f.ask()
	}
}

// open opens a batch of the partition, when there is room to unpack it.
func (f *Fetcher) open(ctx context.Context, b *recordbatch.Batch) (*recordbatch.Reader, error) {
	if !b.Packed() {
		return f.unpack.Open(b)
	}
	most := f.mostUnpacked()
	if err := f.awaitPlain(ctx, most); err != nil {
		return nil, err
	}
	r, err := f.unpack.Open(b)
	kept := int64(0)
	if err == nil {
		kept = int64(r.Cost())
	}
	f.plain.Release(most - kept)
	return r, err
}

func (f *Fetcher) awaitPlain(ctx context.Context, bytes int64) error {
	if f.plain.TryAcquire(bytes) {
		return nil
	}
	f.pressed.Add(1)
	defer f.pressed.Add(-1)
	f.mu.Lock()
	f.sweepSoon()
	f.mu.Unlock()
	return f.plain.Acquire(ctx, bytes)
}

// A partition whose records nobody has looked at for one or two times this is idle.
const sweepInterval = 50 * time.Millisecond

// sweepSoon has idle partitions give up what they hold. The caller holds mu.
func (f *Fetcher) sweepSoon() {
	if !f.sweeping && !f.closed {
		f.sweeping = true
		time.AfterFunc(sweepInterval, f.sweep)
	}
}

// sweep drops what idle partitions hold, while there is no room for others.
func (f *Fetcher) sweep() {
	idle := f.idle()
	for _, p := range idle {
		p.dropIdle()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweeping = false
	if len(idle) > 0 {
		f.full = false
		f.ask()
	}
	if f.full || f.pressed.Load() > 0 {
		f.sweepSoon()
	}
}

// idle returns the partitions that hold something and were not looked at for a while.
func (f *Fetcher) idle() []*Partition {
	f.mu.Lock()
	defer f.mu.Unlock()
	round := f.round.Add(1)
	var idle []*Partition
	for _, p := range f.partitions {
		if round-p.seen.Load() > 1 && p.holds.Load() {
			idle = append(idle, p)
		}
	}
	return idle
}
