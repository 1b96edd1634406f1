package fetch

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// An exchange is a fetch request that hands its answer on while it reads it, so that no
// answer is in memory as a whole. kafka-go's own unpacks it, without bound.
type exchange struct {
	ctx     context.Context
	f       *Fetcher
	wishes  []wish
	wait    time.Duration
	most    int // bytes of the answer
	share   int // the most bytes of a partition
	version int16

	mu        sync.Mutex
	over      bool          // nobody waits for the answer any longer; guarded by mu
	answered  []bool        // which wishes were; guarded by mu, until it is over
	filled    int           // how many partitions had records; guarded by mu, until it is over
	throttled time.Duration // how long to wait before the next request; guarded by mu, until it is over
}

func newExchange(ctx context.Context, f *Fetcher, wishes []wish, wait time.Duration, most, share int) *exchange {
	return &exchange{
		ctx: ctx, f: f, wishes: wishes, wait: wait, most: most, share: share, answered: make([]bool, len(wishes)),
	}
}

// end ends the handing on: kafka-go may return before it.
func (x *exchange) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over = true
}

// ApiKey makes it a request for kafka-go, which sends it to the address that it is told.
func (x *exchange) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive,staticcheck // the name is kafka-go's

// Required is asked by kafka-go, with the versions that both sides know.
func (x *exchange) Required(versions map[protocol.ApiKey]int16) bool {
	x.version = versions[protocol.Fetch]
	return true
}

// What is new in which version of the request.
const (
	hasBatches   = 4 // as they are now, and aborted transactions
	hasLogStart  = 5
	hasSessions  = 7
	hasEpochs    = 9
	hasReplicas  = 11
	newestSpoken = 11
)

// RawExchange sends the request, reads the answer and hands it on.
func (x *exchange) RawExchange(broker io.ReadWriter) (protocol.Message, error) {
	if x.version < hasBatches || x.version > newestSpoken {
		return nil, fmt.Errorf("the broker is from before Kafka 0.11: %w", kafka.UnsupportedVersion)
	}
	defer cutAtEnd(x.ctx, broker)()
	if _, err := broker.Write(x.request()); err != nil {
		return nil, err
	}
	if err := x.readAnswer(broker); err != nil {
		return nil, err
	}
	return x, nil
}

// cutAtEnd breaks the connection off when ctx ends, until the result is called. kafka-go
// would go on waiting for the answer.
func cutAtEnd(ctx context.Context, broker io.ReadWriter) (stop func() bool) {
	conn, ok := broker.(net.Conn)
	if !ok {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// request returns the request as it goes over the wire:
// https://kafka.apache.org/protocol.html#The_Messages_Fetch
func (x *exchange) request() []byte {
	const readCommitted = 1
	be := binary.BigEndian
	none := uint32(1<<32 - 1) // minus one
	b := make([]byte, 4, 128+64*len(x.wishes))
	b = be.AppendUint16(b, uint16(protocol.Fetch))
	b = be.AppendUint16(b, uint16(x.version))
	b = be.AppendUint32(b, 1) // the request's number
	b = appendText(b, x.f.opts.Transport.ClientID)
	b = be.AppendUint32(b, none) // no replica
	b = be.AppendUint32(b, uint32(x.wait.Milliseconds()))
	b = be.AppendUint32(b, 1) // the fewest bytes of an answer
	b = be.AppendUint32(b, uint32(x.most))
	b = append(b, readCommitted)
	if x.version >= hasSessions {
		b = be.AppendUint32(b, 0)
		b = be.AppendUint32(b, none)
	}
	topics := x.byTopic()
	b = be.AppendUint32(b, uint32(len(topics)))
	for _, wishes := range topics {
		b = appendText(b, wishes[0].p.topic)
		b = be.AppendUint32(b, uint32(len(wishes)))
		for _, w := range wishes {
			b = be.AppendUint32(b, uint32(w.p.number))
			if x.version >= hasEpochs {
				b = be.AppendUint32(b, none)
			}
			b = be.AppendUint64(b, uint64(w.from))
			if x.version >= hasLogStart {
				b = be.AppendUint64(b, 1<<64-1)
			}
			b = be.AppendUint32(b, uint32(x.share))
		}
	}
	if x.version >= hasSessions {
		b = be.AppendUint32(b, 0) // nothing to forget
	}
	if x.version >= hasReplicas {
		b = appendText(b, "") // no rack
	}
	be.PutUint32(b, uint32(len(b)-4))
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// byTopic returns the wishes by topic, in the order in which the topics occur.
func (x *exchange) byTopic() [][]wish {
	var topics [][]wish
	at := make(map[string]int)
	for _, w := range x.wishes {
		i, known := at[w.p.topic]
		if !known {
			i = len(topics)
			at[w.p.topic] = i
			topics = append(topics, nil)
		}
		topics[i] = append(topics[i], w)
	}
	return topics
}
