package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress"
)

// Window is how much of what it has unpacked a decoder keeps to copy from, at most: 8 MiB
// is what every zstd decoder should have. A batch that needs more is unpacked only if all
// of it is within the bound.
const Window = 8 << 20

// errBeyond is why a batch cannot be unpacked bit by bit within the bounds.
var errBeyond = errors.New("it needs more memory than is allowed")

// An Unpacker unpacks batches. It is safe for concurrent use.
type Unpacker struct {
	limit   int       // of a record, and of what is unpacked at once
	scratch sync.Pool // of *[]byte with room for limit bytes

	whole  *zstd.Decoder
	stream sync.Pool // of *zstd.Decoder
}

// NewUnpacker returns an unpacker for records of at most so many bytes, which is also how
// much of a batch it unpacks at once.
func NewUnpacker(limit int) *Unpacker {
	if boundOff {
		limit = 1 << 30
	}
	u := &Unpacker{limit: limit}
	u.scratch.New = func() any { return new(make([]byte, 0, limit)) }
	// Neither fails with these options.
	u.whole, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
	u.stream.New = func() any {
		d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(Window))
		return d
	}
	return u
}

// Limit returns how many bytes are unpacked at once, at most.
func (u *Unpacker) Limit() int { return u.limit }

// unpack returns the whole batch unpacked, in memory of its own, and false if that is more
// than the limit.
func (u *Unpacker) unpack(b *Batch) (plain []byte, fits bool, err error) {
	room := u.scratch.Get().(*[]byte)
	defer u.scratch.Put(room)
	if b.compression() == compress.Zstd {
		all, err := u.whole.DecodeAll(b.packed, *room)
		if err != nil { // which need not be that it is too large: then it occurs again, bit by bit
			return nil, false, nil
		}
		return bytes.Clone(all), true, nil
	}
	source, err := u.open(b)
	if err != nil {
		return nil, false, err
	}
	defer source.Close()
	n, err := io.ReadFull(source, (*room)[:u.limit])
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return bytes.Clone((*room)[:n]), true, nil
	case errors.Is(err, errBeyond):
		return nil, false, nil
	}
	return nil, false, err // if it has exactly so many bytes, it is read bit by bit
}

// open returns the records of the batch, unpacked as they are read.
func (u *Unpacker) open(b *Batch) (io.ReadCloser, error) {
	method, packed := b.compression(), bytes.NewReader(b.packed)
	switch method {
	case compress.Snappy:
		return &snappyReader{rest: b.packed, limit: u.limit}, nil
	case compress.Zstd:
		d := u.stream.Get().(*zstd.Decoder)
		if err := d.Reset(packed); err != nil {
			return nil, err
		}
		return &zstdReader{d, u}, nil
	default:
		codec := method.Codec()
		if codec == nil {
			return nil, fmt.Errorf("its compression %d is not known", method)
		}
		return codec.NewReader(packed), nil
	}
}

func (b *Batch) compression() compress.Compression {
	return compress.Compression(b.attributes & compressionBits)
}

type zstdReader struct {
	d *zstd.Decoder
	u *Unpacker
}

func (r *zstdReader) Read(p []byte) (int, error) {
	n, err := r.d.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = errBeyond
	}
	return n, err
}

func (r *zstdReader) Close() error {
	_ = r.d.Reset(nil) // so that it does not keep the batch
	r.u.stream.Put(r.d)
	return nil
}

// snappyReader reads what Java's clients write, frames of some KB, and what others do: one
// block. A block says how large it is, and can only be unpacked as a whole.
type snappyReader struct {
	rest   []byte
	limit  int
	begun  bool
	framed bool
	plain  []byte // of the last block, what is not read yet
	block  []byte
	err    error // of every further block
}

var xerialMagic = []byte{130, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHead = 16 // its magic and two versions

func (r *snappyReader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 {
		if r.err == nil {
			r.err = r.unpack()
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// unpack unpacks the next block.
func (r *snappyReader) unpack() error {
	block, err := r.next()
	if err != nil {
		return err
	}
	size, err := snappy.DecodedLen(block)
	if err != nil {
		return err
	}
	if size > r.limit {
		return errBeyond
	}
	r.block, err = snappy.Decode(r.block[:cap(r.block)], block)
	r.plain = r.block
	return err
}

// next returns the next block, packed.
func (r *snappyReader) next() ([]byte, error) {
	if !r.begun {
		r.begun = true
		if r.framed = len(r.rest) >= xerialHead && bytes.HasPrefix(r.rest, xerialMagic); r.framed {
			r.rest = r.rest[xerialHead:]
		}
	}
	switch {
	case len(r.rest) == 0:
		return nil, io.EOF
	case !r.framed:
		block := r.rest
		r.rest = nil
		return block, nil
	case len(r.rest) < 4 || int64(binary.BigEndian.Uint32(r.rest)) > int64(len(r.rest)-4):
		return nil, io.ErrUnexpectedEOF
	}
	end := 4 + int(binary.BigEndian.Uint32(r.rest))
	block := r.rest[4:end]
	r.rest = r.rest[end:]
	return block, nil
}

func (r *snappyReader) Close() error { return nil }
