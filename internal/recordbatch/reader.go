package recordbatch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/compress"
)

// A Reader reads the records of a batch one after the other.
type Reader struct {
	b     *Batch
	limit int
	read  int   // how many records were read
	last  int64 // the offset of the last of them

	plain  []byte        // unpacked, and not read yet
	source io.ReadCloser // of what follows it; nil if nothing does
	room   []byte        // that plain is a part of, if there is a source
	beyond bool          // the rest cannot be unpacked within the bounds
	cost   int
}

// Open returns a reader of the batch, which must be checked before, and kept until the
// reader is closed. A batch that unpacks to at most the limit is unpacked at once; of any
// other, as much as the limit at a time.
func (u *Unpacker) Open(b *Batch) (*Reader, error) {
	r := &Reader{b: b, limit: u.limit, last: b.First - 1}
	if b.compression() == compress.None {
		r.plain = b.packed
		return r, nil
	}
	plain, fits, err := u.unpack(b)
	if err != nil {
		return nil, fmt.Errorf("unpacking it: %w", err)
	}
	if fits {
		r.plain, r.cost = plain, len(plain)
		return r, nil
	}
	if r.source, err = u.open(b); err != nil {
		return nil, fmt.Errorf("unpacking it: %w", err)
	}
	r.room = make([]byte, 0, u.limit+binary.MaxVarintLen64)
	r.plain, r.cost = r.room, cap(r.room)+Window
	if err := r.have(context.Background(), 1); errors.Is(err, errBeyond) {
		r.beyond = true
	} else if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// OpenBeyond returns a reader of a batch that is too large to be kept, of which only the
// head is known: each record is too large.
func (u *Unpacker) OpenBeyond(head *Batch) *Reader {
	return &Reader{b: head, limit: u.limit, last: head.First - 1, beyond: true}
}

// Packed reports whether the batch must be unpacked.
func (b *Batch) Packed() bool { return b.compression() != compress.None }

// Parted reports whether the batch unpacks to more than the limit.
func (r *Reader) Parted() bool { return r.source != nil || r.beyond }

// Left returns how many records are left, at most: what is left of the bytes may be too
// short for them.
func (r *Reader) Left() int {
	const shortest = 7 // bytes of a record
	return min(r.b.Count-r.read, len(r.plain)/shortest+1)
}

// Cost returns how many bytes of memory the reader takes until it is closed, in addition
// to the batch.
func (r *Reader) Cost() int { return r.cost }

// Close ends the reading.
func (r *Reader) Close() {
	if r.source != nil {
		_ = r.source.Close()
	}
	r.source, r.plain, r.room = nil, nil, nil
}

// Next returns the next record. Behind the last one it returns [io.EOF]. If ctx ends while
// it passes over what is too large, it returns an error, and must not be called again.
func (r *Reader) Next(ctx context.Context) (Record, error) {
	if r.read == r.b.Count {
		return Record{}, io.EOF
	}
	rec, err := r.next(ctx)
	if errors.Is(err, errBeyond) || r.beyond {
		r.beyond = true
		rec, err = r.unknown(), nil
	}
	if err != nil {
		return Record{}, err
	}
	if rec.Offset <= r.last || rec.Offset > r.b.Last {
		return Record{}, fmt.Errorf("its record %d has the offset %d, behind %d", r.read, rec.Offset, r.last)
	}
	r.read++
	r.last = rec.Offset
	return rec, nil
}

func (r *Reader) next(ctx context.Context) (Record, error) {
	if r.beyond {
		return Record{}, errBeyond
	}
	if err := r.have(ctx, binary.MaxVarintLen64); err != nil {
		return Record{}, err
	}
	length, n := binary.Varint(r.plain)
	if n <= 0 || length < 0 {
		return Record{}, r.short()
	}
	if length > int64(r.limit) {
		return r.tooLarge(ctx, length, n)
	}
	if err := r.have(ctx, n+int(length)); err != nil {
		return Record{}, err
	}
	if len(r.plain) < n+int(length) {
		return Record{}, r.short()
	}
	rec, size, err := parse(r.plain)
	if err != nil {
		return Record{}, err
	}
	r.plain = r.plain[size:]
	r.complete(&rec)
	return rec, nil
}

func (r *Reader) complete(rec *Record) {
	rec.Offset, rec.Time = r.b.First+rec.delta, r.b.timeOf(rec.timeDelta)
}

func (r *Reader) short() error { return fmt.Errorf("it does not have its %d records", r.b.Count) }

// unknown stands for a record that cannot be unpacked. Which offsets such records have is
// known only if none is missing, as is usual.
func (r *Reader) unknown() Record {
	rec := Record{Offset: r.last + 1, Time: r.b.timeOf(0), TooLarge: int64(r.limit) + 1}
	if r.read == r.b.Count-1 {
		rec.Offset = r.b.Last
	}
	return rec
}

// tooLarge returns what is known of a record of that length, and passes over it.
func (r *Reader) tooLarge(ctx context.Context, length int64, n int) (Record, error) {
	const begin = 4 << 10 // has the key, if it is a usual one
	if err := r.have(ctx, n+begin); err != nil {
		return Record{}, err
	}
	r.plain = r.plain[n:]
	rec, err := parseHead(r.plain[:min(len(r.plain), begin)])
	if err != nil {
		return Record{}, err
	}
	rec.Key = append([]byte(nil), rec.Key...)
	rec.TooLarge = length
	r.complete(&rec)
	return rec, r.skip(ctx, length)
}

// skip passes over so many bytes.
func (r *Reader) skip(ctx context.Context, n int64) error {
	for n > 0 {
		if len(r.plain) == 0 {
			if err := r.have(ctx, 1); err != nil {
				return err
			}
			if len(r.plain) == 0 {
				return r.short()
			}
		}
		passed := min(n, int64(len(r.plain)))
		r.plain = r.plain[passed:]
		n -= passed
	}
	return nil
}

// have unpacks on until there are n bytes, or all.
func (r *Reader) have(ctx context.Context, n int) error {
	for len(r.plain) < n && r.source != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(r.plain) == 0 || cap(r.plain)-len(r.plain) < n-len(r.plain) {
			r.room = append(r.room[:0], r.plain...) // to its beginning
			r.plain = r.room
		}
		end := len(r.plain)
		got, err := r.source.Read(r.plain[end:cap(r.plain)])
		r.plain = r.plain[:end+got]
		switch {
		case errors.Is(err, io.EOF):
			_ = r.source.Close()
			r.source = nil
		case err != nil && (len(r.plain) < n || !errors.Is(err, errBeyond)):
			return fmt.Errorf("unpacking it: %w", err)
		}
	}
	return nil
}
