package requeue

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/leadhook/leadhook/lead"
)

// A span is a range of offsets, the end excluded.
type span struct{ first, end int64 }

// spans asks for what each partition holds at present.
func (r *DeadLetterReader) spans(ctx context.Context) (map[int]span, error) {
	partitions, err := partitionsOf(ctx, r.client, r.topic)
	if err != nil {
		return nil, err
	}
	var asked []kafka.OffsetRequest
	for _, p := range partitions {
		asked = append(asked, kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
	}
	return r.offsets(ctx, asked)
}

func (r *DeadLetterReader) offsets(ctx context.Context, asked []kafka.OffsetRequest) (map[int]span, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := r.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{r.topic: asked},
	})
	if err != nil {
		return nil, err
	}
	spans := make(map[int]span)
	for _, p := range res.Topics[r.topic] {
		if p.Error != nil {
			return nil, p.Error
		}
		spans[p.Partition] = span{p.FirstOffset, p.LastOffset}
	}
	return spans, nil
}

// read returns the letters of a span, fewer where offsets have no record or
// retention has taken some meanwhile.
func (r *DeadLetterReader) read(ctx context.Context, partition int, s span) ([]Letter, error) {
	var letters []Letter
	keep := func(l Letter) {
		if l.Offset < s.end {
			letters = append(letters, l)
		}
	}
	for at := s.first; at < s.end; {
		next, err := r.fetch(ctx, partition, at, immediately, keep)
		if errors.Is(err, kafka.OffsetOutOfRange) {
			next, err = r.restart(ctx, partition, at)
		}
		if err != nil {
			return nil, err
		}
		if next <= at {
			break // the partition has become shorter
		}
		at = next
	}
	return letters, nil
}

// step waits a while for records behind offset, and returns the next offset
// whatever the error. Where offset does not exist any more (retention has gone
// past it, or the topic was made again) it goes on with the first that does.
func (r *DeadLetterReader) step(ctx context.Context, partition int, offset int64, keep func(Letter)) (int64, error) {
	next, err := r.fetch(ctx, partition, offset, longPoll, keep)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return r.restart(ctx, partition, offset)
	}
	return next, err
}

// restart returns the first offset of the partition if offset lies outside of
// it, else offset.
func (r *DeadLetterReader) restart(ctx context.Context, partition int, offset int64) (int64, error) {
	spans, err := r.offsets(ctx, []kafka.OffsetRequest{kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)})
	if err != nil {
		return offset, err
	}
	if s := spans[partition]; offset < s.first || offset > s.end {
		return s.first, nil
	}
	return offset, nil
}

// fetch makes one request, hands the letters from offset on to keep, and
// returns the offset behind them, or offset itself if there is nothing.
func (r *DeadLetterReader) fetch(
	ctx context.Context, partition int, offset int64, wait time.Duration, keep func(Letter),
) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := r.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: r.topic, Partition: partition, Offset: offset,
		MinBytes: 1, MaxBytes: requestMaxSize, MaxWait: wait,
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return offset, err
	}
	next := offset
	for {
		record, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return next, err
		}
		m, err := r.message(partition, record)
		if err != nil {
			return next, err
		}
		if m.Offset >= offset { // a batch is sent from its beginning
			keep(newLetter(m))
			next = m.Offset + 1
		}
	}
	if _, some := res.Records.(*protocol.RecordStream); some && next == offset {
		next++ // what came has no record here: compaction or a transaction left a gap
	}
	return next, nil
}

func (r *DeadLetterReader) message(partition int, record *kafka.Record) (*lead.Message, error) {
	m := &lead.Message{Topic: r.topic, Partition: partition, Offset: record.Offset, Time: record.Time.UTC()}
	var err error
	if m.Key, err = content(record.Key); err != nil {
		return nil, err
	}
	if m.Value, err = content(record.Value); err != nil {
		return nil, err
	}
	for _, h := range record.Headers {
		m.Headers = append(m.Headers, lead.Header(h))
	}
	return m, nil
}

func content(b kafka.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	defer b.Close()
	return kafka.ReadAll(b)
}

func newLetter(m *lead.Message) Letter {
	l := Letter{
		DeadLetter: ParseDeadLetter(m),
		Size:       len(m.Value),
		Partition:  m.Partition,
		Offset:     m.Offset,
		Buried:     m.Time,
	}
	if ev, err := lead.Decode(m.Value); err == nil {
		l.LeadID = ev.LeadID
	}
	l.Message.Value = nil
	return l
}
