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

// A found letter has not been taken out of the answer that brought it: its
// LeadID and its event are missing.
type found struct {
	Letter
	value kafka.Bytes // may be nil
}

// letter completes a letter; it is only possible while it is being seen.
func (f *found) letter(event bool) (Letter, error) {
	l := f.Letter
	value, err := content(f.value)
	if err != nil {
		return l, err
	}
	if ev, err := lead.Decode(value); err == nil {
		l.LeadID = ev.LeadID
	}
	if event {
		l.Message.Value = value
	}
	return l, nil
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

// fetch makes one request, calls see with the letters from offset on, and
// returns the offset behind them, or offset itself if there is nothing. An error
// of see is a [visitError].
func (r *DeadLetterReader) fetch(
	ctx context.Context, partition int, offset int64, wait time.Duration, see func(*found) error,
) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := r.client.Fetch(limited, &kafka.FetchRequest{
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
		if record.Offset < offset { // a batch is sent from its beginning
			continue
		}
		if err := r.see(partition, record, see); err != nil {
			return next, err
		}
		next = record.Offset + 1
	}
	if _, some := res.Records.(*protocol.RecordStream); some && next == offset {
		next++ // what came has no record here: compaction or a transaction left a gap
	}
	return next, nil
}

func (r *DeadLetterReader) see(partition int, record *kafka.Record, see func(*found) error) error {
	defer release(record.Key, record.Value)
	m := &lead.Message{Topic: r.topic, Partition: partition, Offset: record.Offset, Time: record.Time.UTC()}
	var err error
	if m.Key, err = content(record.Key); err != nil {
		return err
	}
	m.Headers = make([]lead.Header, len(record.Headers))
	for i, h := range record.Headers {
		m.Headers[i] = lead.Header(h)
	}
	letter := &found{value: record.Value, Letter: Letter{
		DeadLetter: ParseDeadLetter(m), Partition: partition, Offset: record.Offset, Buried: m.Time,
	}}
	if record.Value != nil {
		letter.Size = record.Value.Len()
	}
	if err := see(letter); err != nil {
		return &visitError{err}
	}
	return nil
}

func content(b kafka.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	return kafka.ReadAll(b)
}

// release gives the memory of an answer back.
func release(all ...kafka.Bytes) {
	for _, b := range all {
		if b != nil {
			_ = b.Close()
		}
	}
}
