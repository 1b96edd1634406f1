package topic

import (
	"context"

	"github.com/segmentio/kafka-go"
)

// maxBatch is how large a batch of records may be that Append sends: Kafka limits
// batches, by max.message.bytes, and a topic of webhooks takes at least so much.
const maxBatch = 1 << 20

// What a batch and a record in it have in addition to keys and values, at most.
const (
	batchOverhead  = 61
	recordOverhead = 36
)

// Append appends the records in their order and sets their offsets. It returns when all
// replicas that are in sync have them. What does not fit into one request is sent in
// several; a record that is too large by itself is refused by the broker.
//
// If there is an error, the records from some record on are not acknowledged, and their
// offsets are -1. They may be in the log nonetheless, and so may be twice if they are
// appended again.
func (t *Topic) Append(ctx context.Context, records []Record) error {
	for i := range records {
		records[i].Offset = -1
	}
	for len(records) > 0 {
		n := fitting(records)
		first, err := t.produce(ctx, records[:n])
		if err != nil {
			return t.failed(ctx, err)
		}
		for i := range records[:n] {
			records[i].Offset = first + int64(i)
		}
		records = records[n:]
	}
	return nil
}

// fitting returns how many of the records, at least one, fit into one batch.
func fitting(records []Record) int {
	size := batchOverhead
	for i, r := range records {
		size += recordOverhead + len(r.Key) + len(r.Value)
		if size > maxBatch && i > 0 {
			return i
		}
	}
	return len(records)
}

// produce sends one batch and returns the offset of its first record.
func (t *Topic) produce(ctx context.Context, records []Record) (int64, error) {
	batch := make([]kafka.Record, len(records))
	for i, r := range records {
		batch[i] = kafka.Record{Key: kafka.NewBytes([]byte(r.Key)), Value: kafka.NewBytes(r.Value), Time: r.Time}
	}
	res, err := t.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: t.name, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(batch...),
	})
	if err != nil {
		return 0, err
	}
	return res.BaseOffset, res.Error
}
