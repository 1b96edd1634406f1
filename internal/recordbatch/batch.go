package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// The layout of a batch: https://kafka.apache.org/documentation/#recordbatch
const (
	lengthEnd   = 12 // behind its first offset and its length
	magicAt     = 16
	checkedFrom = 21 // what the checksum is of

	// HeaderSize is the size of what is before a batch's records.
	HeaderSize = 61

	compressionBits  = 0x07
	appendTimeBit    = 0x08
	transactionalBit = 0x10
	controlBit       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Batch is a batch of records, as the producer made it. Records of it may be missing
// meanwhile: a compacted log keeps its offsets.
type Batch struct {
	First, Last int64 // the first and the last offset
	ProducerID  int64 // whose it is; of a transaction
	Count       int   // of its records

	attributes           uint16
	firstTime, laterTime int64 // in milliseconds
	checksum             uint32
	checked              []byte
	packed               []byte // the records
}

// ErrIncomplete is the error of [Next] for bytes that end within a batch: a broker may
// cut off the last one of an answer.
var ErrIncomplete = errors.New("a batch is cut off")

// Size returns the size of the batch that some bytes begin with, and zero if there are
// too few of them to know.
func Size(raw []byte) int {
	if len(raw) < lengthEnd {
		return 0
	}
	return lengthEnd + int(binary.BigEndian.Uint32(raw[8:]))
}

// Next returns the batch that the bytes begin with, which keeps a part of them, and the
// bytes behind it. It does not look at the records: see [Batch.Check].
func Next(raw []byte) (Batch, []byte, error) {
	size := Size(raw)
	if size == 0 || size > len(raw) {
		return Batch{}, raw, ErrIncomplete
	}
	b, err := Head(raw[:size])
	if err != nil {
		return b, raw, err
	}
	b.checked, b.packed = raw[checkedFrom:size], raw[HeaderSize:size]
	return b, raw[size:], nil
}

// Head returns the batch that the bytes begin with, without its records, of which there
// may be a part.
func Head(raw []byte) (Batch, error) {
	if len(raw) < lengthEnd {
		return Batch{}, ErrIncomplete
	}
	b := Batch{First: int64(binary.BigEndian.Uint64(raw))}
	b.Last = b.First
	if len(raw) <= magicAt || raw[magicAt] == 2 && len(raw) < HeaderSize {
		return b, fmt.Errorf("%d bytes are too few", len(raw))
	}
	if raw[magicAt] != 2 {
		return b, fmt.Errorf("its format %d is from before Kafka 0.11", raw[magicAt])
	}
	b.checksum = binary.BigEndian.Uint32(raw[17:])
	b.attributes = binary.BigEndian.Uint16(raw[checkedFrom:])
	last := int32(binary.BigEndian.Uint32(raw[23:]))
	b.firstTime = int64(binary.BigEndian.Uint64(raw[27:]))
	b.laterTime = int64(binary.BigEndian.Uint64(raw[35:]))
	b.ProducerID = int64(binary.BigEndian.Uint64(raw[43:]))
	count := int32(binary.BigEndian.Uint32(raw[57:]))
	if last < 0 || count < 0 || b.First < 0 || b.First+int64(last) < 0 {
		return b, fmt.Errorf("it has %d records up to %d behind its first", count, last)
	}
	b.Last, b.Count = b.First+int64(last), int(count)
	return b, nil
}

// Check returns an error if the batch is not as the producer made it.
func (b *Batch) Check() error {
	if crc32.Checksum(b.checked, castagnoli) != b.checksum {
		return errors.New("its checksum is wrong: a disk or the network altered it")
	}
	return nil
}

// Control reports whether the batch has no records of a producer's, but the mark that
// ends a transaction.
func (b *Batch) Control() bool { return b.attributes&controlBit != 0 }

// Transactional reports whether the batch belongs to a transaction.
func (b *Batch) Transactional() bool { return b.attributes&transactionalBit != 0 }

// Aborts reports whether a batch that is Control ends its producer's transaction as an
// aborted one.
func (b *Batch) Aborts() (bool, error) {
	const abort = 0
	r, _, err := parse(b.packed)
	if err != nil || len(r.Key) < 4 {
		return false, fmt.Errorf("the mark of a transaction cannot be read: %w", errors.Join(err, errDamaged))
	}
	return binary.BigEndian.Uint16(r.Key[2:]) == abort, nil // the first two are a version
}

// timeOf returns when a record was appended, if the topic wants that, and else what its
// producer said.
func (b *Batch) timeOf(delta int64) time.Time {
	millis := b.firstTime + delta
	if b.attributes&appendTimeBit != 0 {
		millis = b.laterTime
	}
	if millis < 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}
