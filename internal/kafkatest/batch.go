package kafkatest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Batch is a batch of records as it goes over the wire, which need not be one that a
// broker would take.
type Batch struct {
	First, Last int64 // offsets
	Attributes  int16 // of them the lowest bits are the compression
	ProducerID  int64
	FirstTime   int64 // in milliseconds, as is MaxTime
	MaxTime     int64
	Count       int32 // of the records that it says to have; zero: as it has
	Records     []BatchRecord
}

// A BatchRecord is one record of a batch.
type BatchRecord struct {
	Offset    int64
	TimeDelta int64
	Key       []byte
	Value     []byte
	Zeros     int64 // follow the value, without being in memory here
	Headers   []kafka.Header
}

// Bytes returns the batch as it is sent, whole and with its checksum.
func (b Batch) Bytes() []byte {
	var packed bytes.Buffer
	var into io.Writer = &packed
	codec := compress.Compression(b.Attributes & 7).Codec()
	if codec != nil {
		into = codec.NewWriter(&packed)
	}
	for _, r := range b.Records {
		r.write(into, b.First)
	}
	if c, ok := into.(io.Closer); ok {
		_ = c.Close()
	}
	raw := kmsg.RecordBatch{
		FirstOffset: b.First, LastOffsetDelta: int32(b.Last - b.First), PartitionLeaderEpoch: -1, Magic: 2, Attributes: b.Attributes,
		FirstTimestamp: b.FirstTime, MaxTimestamp: b.MaxTime, ProducerID: b.ProducerID, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: b.Count, Records: packed.Bytes(),
	}
	if b.Count == 0 {
		raw.NumRecords = int32(len(b.Records))
	}
	return Sealed(&raw)
}

// Sealed returns the batch with its length and its checksum.
func Sealed(b *kmsg.RecordBatch) []byte {
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	b.CRC = int32(crc32.Checksum(b.AppendTo(nil)[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

func (r *BatchRecord) write(w io.Writer, first int64) {
	head := binary.AppendVarint([]byte{0}, r.TimeDelta)
	head = binary.AppendVarint(head, r.Offset-first)
	head = appendBytes(head, r.Key, 0)
	head = appendBytes(head, r.Value, r.Zeros)
	tail := binary.AppendVarint(nil, int64(len(r.Headers)))
	for _, h := range r.Headers {
		tail = appendBytes(tail, []byte(h.Key), 0)
		tail = appendBytes(tail, h.Value, 0)
	}
	_, _ = w.Write(binary.AppendVarint(nil, int64(len(head)+len(tail))+r.Zeros))
	_, _ = w.Write(head)
	_, _ = io.CopyN(struct{ io.Writer }{w}, zeros{}, r.Zeros) // lz4's ReadFrom would lose what was written before
	_, _ = w.Write(tail)
}

func appendBytes(to, b []byte, more int64) []byte {
	if b == nil && more == 0 {
		return binary.AppendVarint(to, -1)
	}
	return append(binary.AppendVarint(to, int64(len(b))+more), b...)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Produce appends batches to a partition, each in a request of its own. Their first offset
// must be zero: the broker sets it.
func (r *Rig) Produce(t testing.TB, topic string, partition int, batches ...[]byte) {
	t.Helper()
	for _, b := range batches {
		b = append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
		res, err := r.Client.RawProduce(t.Context(), &kafka.RawProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
			RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(b)},
		})
		if err == nil {
			err = res.Error
		}
		if err != nil && !errors.Is(err, protocol.ErrNoRecord) {
			t.Fatalf("producing to %s/%d: %v", topic, partition, err)
		}
	}
}
