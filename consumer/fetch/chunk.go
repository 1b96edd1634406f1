package fetch

import (
	"cmp"
	"errors"
	"slices"

	"github.com/leadhook/leadhook/internal/recordbatch"
)

// A chunk is what one answer has of a partition.
type chunk struct {
	raw     []byte // all of it
	rest    []byte // the batches that were not begun yet
	end     int64  // the offset behind its last batch
	aborted []aborted
	current map[int64]bool // the producers in an aborted transaction at this place

	// beyond is the head of the last batch, if that is too large to be held.
	beyond *recordbatch.Batch
}

// newChunk returns the answer's batches. A batch at the end that is cut off is left out,
// unless it is the first, and larger than any that is handed out. If no batch is whole,
// end is zero.
func newChunk(a *answer, largest int) *chunk {
	c := &chunk{raw: a.raw, aborted: a.aborted}
	// The broker lists them by where they end.
	slices.SortFunc(c.aborted, func(a, b aborted) int { return cmp.Compare(a.first, b.first) })
	rest := a.raw
	for len(rest) > 0 {
		b, behind, err := recordbatch.Next(rest)
		if errors.Is(err, recordbatch.ErrIncomplete) {
			if b, err := recordbatch.Head(rest); err == nil && len(rest) == len(a.raw) && recordbatch.Size(rest) > largest {
				c.beyond, c.end = &b, b.Last+1
			}
			break
		}
		c.end = b.Last + 1
		if err != nil {
			behind = nil // the reader of the records comes upon it
		}
		rest = behind
	}
	c.rest = a.raw[:len(a.raw)-len(rest)]
	if c.beyond != nil {
		c.rest = nil
	}
	return c
}

// next returns the next batch, and whether its records are to be passed over: they are no
// records of a producer's, or of an aborted transaction. It returns nil behind the last.
func (c *chunk) next() (b *recordbatch.Batch, pass bool, err error) {
	if len(c.rest) == 0 {
		return nil, false, nil
	}
	batch, behind, err := recordbatch.Next(c.rest)
	if err == nil {
		err = batch.Check()
	}
	if err == nil {
		pass, err = c.passes(&batch)
	}
	if err != nil {
		return nil, false, at(&batch, err)
	}
	c.rest = behind
	return &batch, pass, nil
}

// passes reports whether the records of the next batch are to be passed over.
func (c *chunk) passes(b *recordbatch.Batch) (bool, error) {
	for len(c.aborted) > 0 && c.aborted[0].first <= b.Last {
		if c.current == nil {
			c.current = make(map[int64]bool)
		}
		c.current[c.aborted[0].producer] = true
		c.aborted = c.aborted[1:]
	}
	if !b.Control() {
		return b.Transactional() && c.current[b.ProducerID], nil
	}
	aborts, err := b.Aborts()
	if aborts {
		delete(c.current, b.ProducerID)
	}
	return true, err
}
