package deadletter

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/record"
)

// A found is a letter whose event has not been read out of the answer to a fetch
// yet: it lacks its LeadID and its event.
type found struct {
	Letter
	value kafka.Bytes // may be nil
}

// letter returns the letter with its LeadID and, if withEvent is set, its event. Only
// the function that f was passed to may call it, before it returns.
func (f *found) letter(withEvent bool) (Letter, error) {
	l := f.Letter
	value, err := content(f.value)
	if err != nil {
		return l, err
	}
	if ev, err := lead.Decode(value); err == nil {
		l.LeadID = ev.LeadID
	}
	if withEvent {
		l.Message.Value = value
	}
	return l, nil
}

// validOffset asks Kafka for the offsets of the partition. It returns offset if the
// partition has it, and otherwise the first offset that it has.
func (r *Reader) validOffset(ctx context.Context, partition int, offset int64) (int64, error) {
	ranges, err := r.offsets(ctx, []kafka.OffsetRequest{kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)})
	if err != nil {
		return offset, err
	}
	if s := ranges[partition]; offset < s.first || offset > s.end {
		return s.first, nil
	}
	return offset, nil
}

// fetch makes one request, calls visit with each letter from offset on, and returns
// the offset after the last one, or offset itself if there are none. An error of visit
// is returned as a [visitError].
func (r *Reader) fetch(
	ctx context.Context, partition int, offset int64, wait time.Duration, visit func(*found) error,
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
		stored, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return next, err
		}
		if stored.Offset < offset { // a batch is sent from its beginning
			continue
		}
		if err := r.visitRecord(partition, stored, visit); err != nil {
			return next, err
		}
		next = stored.Offset + 1
	}
	if _, some := res.Records.(*protocol.RecordStream); some && next == offset {
		next++ // compaction or a transaction left an offset without a record
	}
	return next, nil
}

// visitRecord calls visit with the letter in a record, and then frees the record.
func (r *Reader) visitRecord(partition int, stored *kafka.Record, visit func(*found) error) error {
	defer release(stored.Key, stored.Value)
	m := &lead.Message{Topic: r.topic, Partition: partition, Offset: stored.Offset, Time: stored.Time.UTC()}
	var err error
	if m.Key, err = content(stored.Key); err != nil {
		return err
	}
	m.Headers = make([]lead.Header, len(stored.Headers))
	for i, h := range stored.Headers {
		m.Headers[i] = lead.Header(h)
	}
	letter := &found{value: stored.Value, Letter: Letter{
		DeadLetter: record.ReadDeadLetter(m), Newer: record.IsNewer(m), NotBefore: record.NotBefore(m), Partition: partition, Offset: stored.Offset, Buried: m.Time,
	}}
	if stored.Value != nil {
		letter.Size = stored.Value.Len()
	}
	if err := visit(letter); err != nil {
		return &visitError{err}
	}
	return nil
}

// content returns the bytes, or nil if there are none.
func content(b kafka.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	return kafka.ReadAll(b)
}

// release frees the memory of an answer.
func release(all ...kafka.Bytes) {
	for _, b := range all {
		if b != nil {
			_ = b.Close()
		}
	}
}
