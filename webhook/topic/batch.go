package topic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/leadhook/leadhook/internal/recordbatch"
)

// largestBatch is the largest batch that Fetch reads, packed or unpacked. Append makes
// much smaller ones; others are from a mirror, or from somebody who should not write here.
const largestBatch = 16 << 20

var unpacker = recordbatch.NewUnpacker(largestBatch)

// decode returns the records from an offset on, until they have maxBytes, and where to
// go on. The broker answers with whole batches, which may begin before the offset, and
// may cut off the last one.
func decode(raw []byte, from int64, maxBytes int) (records []Record, next int64, err error) {
	next = from
	for size := 0; (size < maxBytes || size == 0) && len(raw) > 0; {
		b, rest, err := recordbatch.Next(raw)
		if errors.Is(err, recordbatch.ErrIncomplete) {
			break
		}
		before := len(records)
		if err == nil {
			records, err = appendRecords(records, &b, from)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("the batch at offset %d: %w", b.First, err)
		}
		for i := range records[before:] {
			size += len(records[before+i].Key) + len(records[before+i].Value)
		}
		next = max(next, b.Last+1)
		raw = rest
	}
	if next == from && len(raw) > 0 {
		return nil, 0, fmt.Errorf("nothing of a batch of %d bytes from offset %d on", len(raw), from)
	}
	return records, next, nil
}

// mostAhead is for how many records there is room made at once.
const mostAhead = 4096

// appendRecords appends the records of the batch from an offset on.
func appendRecords(records []Record, b *recordbatch.Batch, from int64) ([]Record, error) {
	if err := b.Check(); err != nil || b.Control() {
		return records, err
	}
	r, err := unpacker.Open(b)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Parted() {
		return nil, fmt.Errorf("it unpacks to more than %d bytes, which leadhook never writes", largestBatch)
	}
	for {
		record, err := r.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		if record.Offset < from {
			continue
		}
		if len(records) == cap(records) {
			records = slices.Grow(records, min(r.Left(), mostAhead))
		}
		records = append(records, Record{
			Offset: record.Offset, Key: string(record.Key), Value: slices.Clone(record.Value), Time: record.Time,
		})
	}
}
