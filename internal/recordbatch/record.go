package recordbatch

import (
	"encoding/binary"
	"errors"
	"time"
)

// A Record is a record of a batch. Its bytes are the reader's, until it is asked for the
// next one.
type Record struct {
	Offset int64
	Time   time.Time // zero if it has none
	Key    []byte    // nil if it has none, as is Value
	Value  []byte

	// TooLarge is zero, or how many bytes the record takes unpacked, at least, which is
	// more than the bound. It then has no Value and no headers, and no Key if that is
	// long, or if the whole batch cannot be unpacked within the bound.
	TooLarge int64

	// Headers is the number of headers.
	Headers int

	headers          []byte
	timeDelta, delta int64
}

// A Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

var errDamaged = errors.New("it is damaged")

// parse reads the record that the bytes begin with, and returns its size. The numbers in
// it need not be true.
func parse(raw []byte) (r Record, size int, err error) {
	length, n := binary.Varint(raw)
	if n <= 0 || length < 0 || length > int64(len(raw)-n) {
		return r, 0, errDamaged
	}
	size = n + int(length)
	f := fields{rest: raw[n:size]}
	f.deltas(&r)
	r.Key, r.Value = f.bytes(), f.bytes()
	if count := f.number(); count < 0 || count > int64(len(f.rest))/2 {
		f.damaged = true
	} else {
		r.Headers, r.headers = int(count), f.rest
	}
	for range r.Headers {
		f.bytes()
		f.bytes()
	}
	if f.damaged {
		return r, 0, errDamaged
	}
	return r, size, nil
}

// parseHead reads what is known of a record that is too large from how it begins.
func parseHead(begin []byte) (r Record, err error) {
	f := fields{rest: begin}
	f.deltas(&r)
	if f.damaged {
		return r, errDamaged
	}
	if r.Key = f.bytes(); f.damaged {
		r.Key = nil // it is not there as a whole
	}
	return r, nil
}

// AllHeaders returns the headers of the record. Their values are the reader's, as the record is.
func (r *Record) AllHeaders(yield func(Header) bool) {
	f := fields{rest: r.headers}
	for range r.Headers {
		key, value := f.bytes(), f.bytes()
		if !yield(Header{string(key), value}) {
			return
		}
	}
}

// HeaderBytes returns the size of the values of all headers.
func (r *Record) HeaderBytes() int {
	n := 0
	f := fields{rest: r.headers}
	for range r.Headers {
		f.bytes()
		n += len(f.bytes())
	}
	return n
}

// fields reads the fields of a record one after the other.
type fields struct {
	rest    []byte
	damaged bool
}

// deltas reads what is before the key.
func (f *fields) deltas(r *Record) {
	if len(f.rest) == 0 {
		f.damaged = true
		return
	}
	f.rest = f.rest[1:] // attributes, which mean nothing yet
	r.timeDelta, r.delta = f.number(), f.number()
}

func (f *fields) number() int64 {
	v, n := binary.Varint(f.rest)
	if n <= 0 {
		f.damaged, f.rest = true, nil
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) bytes() []byte {
	n := f.number()
	if n < 0 || f.damaged {
		return nil
	}
	if n > int64(len(f.rest)) {
		f.damaged, f.rest = true, nil
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}
