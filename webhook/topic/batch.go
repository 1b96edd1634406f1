package topic

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/compress"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// largestBatch is the largest batch that Fetch reads, packed or unpacked. Append makes
// much smaller ones; others are from a mirror, or from somebody who should not write here.
const largestBatch = 16 << 20

// The layout of a batch: https://kafka.apache.org/documentation/#recordbatch
const (
	lengthEnd   = 12 // behind its first offset and its length
	magicAt     = 16
	checkedFrom = 21 // what the checksum is of
	headerEnd   = 61

	compressionBits = 0x07
	appendTimeBit   = 0x08
	controlBit      = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// decode returns the records from an offset on, until they have maxBytes, and where to
// go on. The broker answers with whole batches, which may begin before the offset, and
// may cut off the last one.
func decode(raw []byte, from int64, maxBytes int) (records []Record, next int64, err error) {
	next = from
	for size := 0; (size < maxBytes || size == 0) && len(raw) >= lengthEnd; {
		end := lengthEnd + int(binary.BigEndian.Uint32(raw[8:]))
		if end > len(raw) {
			break
		}
		b, err := readBatch(raw[:end])
		if err != nil {
			return nil, 0, fmt.Errorf("the batch at offset %d: %w", int64(binary.BigEndian.Uint64(raw)), err)
		}
		found, err := recordsOf(b, from)
		if err != nil {
			return nil, 0, fmt.Errorf("the batch at offset %d: %w", b.FirstOffset, err)
		}
		for _, r := range found {
			size += len(r.Key) + len(r.Value)
		}
		records = append(records, found...)
		next = max(next, b.FirstOffset+int64(b.LastOffsetDelta)+1)
		raw = raw[end:]
	}
	if next == from && len(raw) > 0 {
		return nil, 0, fmt.Errorf("nothing of a batch of %d bytes from offset %d on", len(raw), from)
	}
	return records, next, nil
}

func readBatch(raw []byte) (*kmsg.RecordBatch, error) {
	if len(raw) < headerEnd {
		return nil, fmt.Errorf("%d bytes are too few", len(raw))
	}
	if raw[magicAt] != 2 {
		return nil, fmt.Errorf("its format %d is from before Kafka 0.11", raw[magicAt])
	}
	b := &kmsg.RecordBatch{}
	if err := b.ReadFrom(raw); err != nil {
		return nil, err
	}
	if crc32.Checksum(raw[checkedFrom:], castagnoli) != uint32(b.CRC) {
		return nil, errors.New("its checksum is wrong: a disk or the network altered it")
	}
	return b, nil
}

// recordsOf returns the records of the batch from an offset on.
func recordsOf(b *kmsg.RecordBatch, from int64) ([]Record, error) {
	if b.Attributes&controlBit != 0 {
		return nil, nil
	}
	packed, err := unpack(b)
	if err != nil {
		return nil, err
	}
	var records []Record
	for range b.NumRecords {
		length, n := binary.Varint(packed)
		if n <= 0 || length < 0 || length > int64(len(packed)-n) {
			return nil, fmt.Errorf("it does not have its %d records", b.NumRecords)
		}
		var r kmsg.Record
		if err := r.ReadFrom(packed[:n+int(length)]); err != nil {
			return nil, err
		}
		packed = packed[n+int(length):]
		if offset := b.FirstOffset + int64(r.OffsetDelta); offset >= from {
			records = append(records, Record{Offset: offset, Key: string(r.Key), Value: slices.Clone(r.Value), Time: timeOf(b, &r)})
		}
	}
	return records, nil
}

func timeOf(b *kmsg.RecordBatch, r *kmsg.Record) time.Time {
	if b.Attributes&appendTimeBit != 0 {
		return time.UnixMilli(b.MaxTimestamp)
	}
	return time.UnixMilli(b.FirstTimestamp + r.TimestampDelta64)
}

// unpack returns the batch's records in their plain form.
func unpack(b *kmsg.RecordBatch) ([]byte, error) {
	method := compress.Compression(b.Attributes & compressionBits)
	if method == compress.None {
		return b.Records, nil
	}
	codec := method.Codec()
	if codec == nil {
		return nil, fmt.Errorf("its compression %d is not known", method)
	}
	reader := codec.NewReader(bytes.NewReader(b.Records))
	defer reader.Close()
	plain, err := io.ReadAll(io.LimitReader(reader, largestBatch+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("unpacking it: %w", err)
	case len(plain) > largestBatch:
		return nil, fmt.Errorf("it unpacks to more than %d bytes, which leadhook never writes", largestBatch)
	}
	return plain, nil
}
