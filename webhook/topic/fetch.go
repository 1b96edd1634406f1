package topic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Chunk is what one fetch found.
type Chunk struct {
	Records []Record // in the order of their offsets

	// Next is where to go on: behind the last record, or behind the hole in which there
	// is none.
	Next int64

	// End is the end of the log as the leader saw it when it answered. Just after a
	// change of leader it may be lower than before: what must not miss anything asks
	// for [Topic.End].
	End int64
}

// Fetch returns records from an offset on. If there is nothing yet, it waits, returns as
// soon as something is appended, and after the wait without records. A wait of zero asks
// only what is there.
//
// It returns records until they have maxBytes together, but at least one batch of them,
// as it was appended. The memory is bounded by that and by [largestBatch]. The error of
// an offset beyond the end or before the start wraps [ErrOutOfRange]. If the topic is
// deleted meanwhile, Fetch returns an error, even if it was created again; if as much
// was already appended to the new one, only its records show that.
func (t *Topic) Fetch(ctx context.Context, from int64, wait time.Duration, maxBytes int) (Chunk, error) {
	asked, cancel := context.WithTimeout(ctx, wait+t.client.Timeout)
	defer cancel()
	// Not by the Client's Fetch: it halves the wait by its time-out, does not say where
	// a batch ends whose last records are compacted away, and unpacks without limit.
	x := &exchange{Request: t.request(from, wait, maxBytes), asked: asked, limit: maxBytes + largestBatch}
	if t.own != nil {
		x.clientID = t.own.ClientID
	}
	answer, err := t.client.Transport.RoundTrip(asked, t.client.Addr, x)
	if err != nil {
		return Chunk{}, t.failed(ctx, err)
	}
	found, err := answer.(*exchangeAnswer).partition()
	switch {
	case errors.Is(err, kafka.OffsetOutOfRange):
		return Chunk{}, fmt.Errorf("%s, offset %d: %w: %w", t.name, from, ErrOutOfRange, err)
	case err != nil:
		return Chunk{}, t.failed(ctx, err)
	}
	records, next, err := decode(found.RecordBatches, from, maxBytes)
	if err != nil {
		return Chunk{}, fmt.Errorf("%s: %w", t.name, err)
	}
	if len(found.RecordBatches) == 0 {
		next = max(from, found.HighWatermark)
	}
	return Chunk{Records: records, Next: next, End: found.HighWatermark}, nil
}

func (t *Topic) request(from int64, wait time.Duration, maxBytes int) *fetch.Request {
	return &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(wait.Milliseconds()), MinBytes: 1, MaxBytes: int32(maxBytes),
		SessionID: -1, SessionEpoch: -1,
		Topics: []fetch.RequestTopic{{Topic: t.name, Partitions: []fetch.RequestPartition{{
			Partition: partition, CurrentLeaderEpoch: -1, FetchOffset: from, LogStartOffset: -1,
			PartitionMaxBytes: int32(maxBytes),
		}}}},
	}
}

// An exchange is a fetch request that reads its answer itself: kafka-go sends it to the
// leader as it does with its own.
type exchange struct {
	*fetch.Request
	asked    context.Context
	clientID string
	limit    int // of the answer's size
	version  int16
}

// Required is asked by kafka-go, with the versions that both sides know.
func (x *exchange) Required(versions map[protocol.ApiKey]int16) bool {
	x.version = versions[protocol.Fetch]
	return true
}

// RawExchange sends the request and reads the answer.
func (x *exchange) RawExchange(broker io.ReadWriter) (protocol.Message, error) {
	const oldest = 4 // it has batches as they are now
	if x.version < oldest {
		return nil, kafka.UnsupportedVersion
	}
	// kafka-go would go on waiting for the answer when nobody wants it any longer, and
	// keep the connection, for as long as the fetch may wait.
	stop := func() bool { return true }
	if conn, ok := broker.(net.Conn); ok {
		stop = context.AfterFunc(x.asked, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	}
	body, err := x.ask(broker)
	if !stop() {
		return nil, context.Cause(x.asked) // an error, so that the connection is not used again
	}
	if err != nil {
		return nil, err
	}
	answer := &exchangeAnswer{}
	answer.Version = x.version
	return answer, answer.ReadFrom(body)
}

// ask sends the request and returns the answer without its head.
func (x *exchange) ask(broker io.ReadWriter) ([]byte, error) {
	if err := protocol.WriteRequest(broker, x.version, 1, x.clientID, x.Request); err != nil {
		return nil, err
	}
	var head [8]byte // the size of what follows it, and the request's number
	if _, err := io.ReadFull(broker, head[:]); err != nil {
		return nil, err
	}
	const room = 4 << 10 // for all but the records
	size := int(binary.BigEndian.Uint32(head[:])) - 4
	if size < 0 || size > x.limit+room {
		return nil, fmt.Errorf("an answer of %d bytes, and at most %d were asked for", size, x.limit)
	}
	body := make([]byte, size)
	_, err := io.ReadFull(broker, body)
	return body, err
}

type exchangeAnswer struct{ kmsg.FetchResponse }

// ApiKey makes it an answer for kafka-go.
func (*exchangeAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive,staticcheck // the name is kafka-go's

// partition returns what the answer says of the partition, or its error.
func (a *exchangeAnswer) partition() (*kmsg.FetchResponseTopicPartition, error) {
	switch {
	case a.ErrorCode != 0:
		return nil, kafka.Error(a.ErrorCode)
	case len(a.Topics) == 0 && a.ThrottleMillis > 0:
		return nil, kafka.ThrottlingQuotaExceeded // an answer with nothing else
	case len(a.Topics) == 0 || len(a.Topics[0].Partitions) == 0:
		return nil, errors.New("an answer without the partition")
	}
	p := &a.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return nil, kafka.Error(p.ErrorCode)
	}
	return p, nil
}
