package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/recordbatch"
	"github.com/leadhook/leadhook/lead"
)

// A Partition is read by one goroutine: [Partition.Peek] waits for the next record,
// [Partition.Take] takes it. While nobody takes, the partition is left out of the
// requests, and holds up no other.
type Partition struct {
	f       *Fetcher
	topic   string
	number  int
	arrived chan struct{} // holds a token after something has come
	end     atomic.Int64  // of the log, as last told
	seen    atomic.Int64  // the round of sweeps in which it was last looked at
	holds   atomic.Bool   // whether it holds anything

	mu     sync.Mutex // taken before Fetcher.mu
	next   int64      // the offset from which on records are handed out; guarded by mu, as all below
	chunk  *chunk     // the one that is being read
	batch  *recordbatch.Batch
	reader *recordbatch.Reader // of the batch
	record recordbatch.Record
	head   Head
	found  bool // whether head is the next one, and record, unless head is empty
	broken bool // the batch could not be read when it was last fetched

	// Guarded by Fetcher.mu:
	queue       []*chunk // that were not begun
	queued      int      // the bytes of them
	from        int64    // what to fetch next
	epoch       int      // counts how often it was set back
	wants       bool     // there is a reader that takes
	waits       bool     // for an answer: there is nothing to take
	asked       bool     // a request is under way
	leader      string   // host:port; "" if it is not known
	failures    int      // one after the other
	pausedUntil time.Time
	reason      string // of the last failure, as it was told
	unread      bool   // that was: it was fetched, and cannot be read
	fatal       error  // for the reader
}

// A Head is what is known of a record before it is taken.
type Head struct {
	Offset int64
	Size   int   // of the message, as [lead.Message.Size] has it, about
	End    int64 // of the log, as last told

	// Empty is set if there is no record at the offset and before it, for instance
	// because a transaction was aborted. It must be passed over with Pass.
	Empty bool
}

// enoughQueued is how many bytes of a partition may be waiting for its reader before it is
// left out of the requests.
const enoughQueued = 64 << 10

// Peek waits until there is a record, and returns what is known of it. It returns the same
// until the record is taken. If the log does not have the offset, the error is
// [kafka.OffsetOutOfRange]; every other failure is told to Options.Failed, and Peek waits.
func (p *Partition) Peek(ctx context.Context) (Head, error) {
	for {
		head, found, err := p.look(ctx)
		if found || err != nil {
			return head, err
		}
		if err := p.want(); err != nil {
			return Head{}, err
		}
		select {
		case <-p.arrived:
		case <-ctx.Done():
			return Head{}, context.Cause(ctx)
		}
	}
}

// Take takes the record that was peeked at. It returns false if it is not there any
// longer, because there was no room: then Peek waits until it is again.
func (p *Partition) Take() (lead.Message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.read()
	if ok {
		p.pass()
	}
	return m, ok
}

// Read is like Take, but the record remains the next one.
func (p *Partition) Read() (lead.Message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.read()
}

// Pass passes over what is empty.
func (p *Partition) Pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found && p.head.Empty {
		p.pass()
	}
}

// Drop gives up what was fetched, until the next Peek. It is for a reader that takes
// nothing for a while.
func (p *Partition) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

// Close removes the partition from its Fetcher, and gives up what was fetched. Nobody may
// read it any longer.
func (p *Partition) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.wants = false
	p.f.partitions = slices.DeleteFunc(p.f.partitions, func(other *Partition) bool { return other == p })
}

// dropIdle is Drop for a partition that is not being looked at.
func (p *Partition) dropIdle() {
	if p.mu.TryLock() {
		defer p.mu.Unlock()
		p.drop()
	}
}

func (p *Partition) pass() {
	p.next, p.found, p.record = p.head.Offset+1, false, recordbatch.Record{}
}

// read returns a copy of the record. The caller holds mu.
func (p *Partition) read() (lead.Message, bool) {
	p.seen.Store(p.f.round.Load())
	if !p.found || p.head.Empty {
		return lead.Message{}, false
	}
	r := &p.record
	m := lead.Message{Topic: p.topic, Partition: p.number, Offset: r.Offset, Time: r.Time, Omitted: int(r.TooLarge)}
	bytes := make([]byte, 0, p.head.Size-(&lead.Message{}).Size())
	m.Key, bytes = keep(r.Key, bytes)
	m.Value, bytes = keep(r.Value, bytes)
	if r.Headers > 0 {
		m.Headers = make([]lead.Header, 0, r.Headers)
		for h := range r.AllHeaders {
			header := lead.Header{Key: h.Key}
			header.Value, bytes = keep(h.Value, bytes)
			m.Headers = append(m.Headers, header)
		}
	}
	return m, true
}

// keep appends a copy of b to the bytes of a message, and returns that copy.
func keep(b, bytes []byte) (kept, all []byte) {
	if b == nil {
		return nil, bytes
	}
	at := len(bytes)
	bytes = append(bytes, b...)
	return bytes[at:len(bytes):len(bytes)], bytes
}

// look returns the head of the next record, if it is there.
func (p *Partition) look(ctx context.Context) (Head, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Store(p.f.round.Load())
	for !p.found {
		more, err := p.advance(ctx)
		switch {
		case ctx.Err() != nil:
			p.drop() // a reader whose ctx ended is of no use
			return Head{}, false, context.Cause(ctx)
		case err != nil:
			p.unreadable(err)
			return Head{}, false, nil
		case !more:
			return Head{}, false, nil
		}
		p.readable()
	}
	p.head.End = p.end.Load()
	return p.head, true, nil
}

// advance makes a step towards the next record, and returns false if nothing is there.
func (p *Partition) advance(ctx context.Context) (bool, error) {
	if p.reader != nil {
		return true, p.nextRecord(ctx)
	}
	if p.chunk == nil && !p.begin() {
		return false, nil
	}
	b, pass, err := p.chunk.next()
	switch {
	case err != nil:
		return true, err
	case b == nil && p.chunk.beyond != nil:
		b, p.chunk.beyond = p.chunk.beyond, nil
		p.batch, p.reader = b, p.f.unpack.OpenBeyond(b)
	case b == nil:
		p.f.discard(p.chunk.raw)
		p.chunk, p.batch = nil, nil
	case b.Last < p.next:
	case pass:
		p.empty(b.Last)
	default:
		p.batch = b
		p.reader, err = p.f.open(ctx, b)
		err = at(b, err)
	}
	return true, err
}

// nextRecord reads on in the batch.
func (p *Partition) nextRecord(ctx context.Context) error {
	r, err := p.reader.Next(ctx)
	switch {
	case errors.Is(err, io.EOF):
		p.closeBatch()
		if p.next <= p.batch.Last {
			p.empty(p.batch.Last) // its last records were compacted away
		}
	case err != nil:
		return at(p.batch, err)
	case r.Offset >= p.next:
		p.record, p.found = r, true
		p.head = Head{Offset: r.Offset, Size: sizeOf(&r)}
	}
	return nil
}

// at returns an error that names the batch.
func at(b *recordbatch.Batch, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the batch at offset %d cannot be read: %w", b.First, err)
}

// sizeOf returns the size of the message, without the keys of its headers, which are
// copied by themselves.
func sizeOf(r *recordbatch.Record) int {
	n := (&lead.Message{}).Size() + len(r.Key) + len(r.Value)
	return n + r.HeaderBytes()
}

func (p *Partition) empty(last int64) {
	p.head, p.found = Head{Offset: last, Empty: true}, true
}

func (p *Partition) closeBatch() {
	if p.reader != nil {
		cost := p.reader.Cost()
		p.reader.Close()
		p.f.plain.Release(int64(cost))
	}
	p.reader = nil
}

// drop gives up all that was fetched and not taken. The caller holds mu.
func (p *Partition) drop() {
	p.closeBatch()
	p.batch, p.record, p.found = nil, recordbatch.Record{}, false
	p.holds.Store(false)
	f := p.f
	f.mu.Lock()
	defer f.mu.Unlock()
	dropped := p.queue
	if p.chunk != nil {
		dropped = append(dropped, p.chunk)
	}
	p.chunk, p.queue, p.queued = nil, nil, 0
	p.from, p.wants = p.next, p.waits
	p.epoch++
	for _, c := range dropped {
		f.give(c.raw)
	}
}

// unreadable notes that the next batch cannot be read, and has it fetched again after a
// while: it may be the network that altered it. The caller holds mu.
func (p *Partition) unreadable(err error) {
	p.drop()
	p.broken = true
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.unread = true
	p.failures = max(p.failures, 1) // it is no matter of a moment
	p.failed(err, false)
}

// readable notes that the batch that could not be read now can. The caller holds mu.
func (p *Partition) readable() {
	if !p.broken || !p.found {
		return
	}
	p.broken = false
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.unread = false
	p.recovered()
}

// begin begins with the next chunk, and reports whether there is one. The caller holds mu.
func (p *Partition) begin() bool {
	f := p.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(p.queue) == 0 {
		p.holds.Store(false)
		return false
	}
	p.waits = false
	p.chunk = p.queue[0]
	p.queue[0] = nil
	if p.queue = p.queue[1:]; len(p.queue) == 0 {
		p.queue = nil
	}
	left := p.queued >= enoughQueued || !p.wants
	p.queued -= len(p.chunk.raw)
	if p.wants = true; left && !p.asked {
		f.ask()
	}
	return true
}

// want notes that the reader waits, or returns why it waits in vain.
func (p *Partition) want() error {
	f := p.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := p.fatal; err != nil {
		p.fatal = nil
		return err
	}
	p.waits = true
	if !p.wants {
		p.wants = true
		f.ask()
	}
	return nil
}

// answered notes what a broker has answered.
func (p *Partition) answered(w wish, a *answer) {
	f := p.f
	c := newChunk(a, f.largestBatch())
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.epoch != w.epoch {
		f.give(c.raw)
		return
	}
	switch {
	case errors.Is(a.code, kafka.OffsetOutOfRange):
		p.fatal, p.wants = a.code, false
		p.signal()
		return
	case a.code != 0:
		p.failed(a.code, leaderMoved(a.code))
		return
	}
	p.end.Store(a.end)
	p.recovered()
	if c.end <= p.from { // nothing, or not as much as a batch
		f.give(c.raw)
		return
	}
	if len(p.queue) > 0 {
		p.wants = false // its reader does not take
	}
	p.queue = append(p.queue, c)
	p.queued += len(c.raw)
	p.from = c.end
	p.holds.Store(true)
	p.signal()
}

func (p *Partition) signal() {
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}
