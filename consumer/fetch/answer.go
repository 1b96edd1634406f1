package fetch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
)

// An answer is what a broker answers about one partition.
type answer struct {
	code    kafka.Error // zero: none
	end     int64       // of the log
	aborted []aborted
	raw     []byte // batches, of which the last may be cut off
	dropped bool   // there were records, and no room for them
}

// An aborted is a transaction of which no record may be handed out.
type aborted struct {
	producer int64
	first    int64 // its first offset
}

// readAnswer reads the answer, and hands on what it says of each partition.
func (x *exchange) readAnswer(broker io.Reader) error {
	r := &wire{r: broker, left: 4}
	r.left = int64(r.int32())
	r.int32() // the request's number
	throttled := time.Duration(r.int32()) * time.Millisecond
	if x.version >= hasSessions {
		if code := kafka.Error(r.int16()); code != 0 && r.err == nil {
			return code
		}
		r.int32()
	}
	for range r.count() {
		topic := r.text()
		for range r.count() {
			if err := x.readPartition(r, topic); err != nil {
				return err
			}
		}
	}
	if r.err != nil {
		return r.err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		x.throttled = throttled
	}
	_, err := io.CopyN(io.Discard, r.r, r.left) // nothing, as of today
	return err
}

func (x *exchange) readPartition(r *wire, topic string) error {
	number := int(r.int32())
	a := answer{code: kafka.Error(r.int16()), end: r.int64()}
	r.int64() // the end of what is committed
	if x.version >= hasLogStart {
		r.int64()
	}
	for range r.count() {
		a.aborted = append(a.aborted, aborted{r.int64(), r.int64()})
	}
	if x.version >= hasReplicas {
		r.int32()
	}
	size := int64(max(r.int32(), 0))
	if r.err != nil {
		return r.err
	}
	if size > r.left {
		return errWire
	}
	i := x.find(topic, number)
	if i < 0 {
		return fmt.Errorf("an answer about %s/%d, which was not asked for", topic, number)
	}
	if err := x.readRecords(r, size, &a); err != nil {
		return err
	}
	return x.handOn(i, &a)
}

// readRecords reads the partition's records, as far as there is room.
func (x *exchange) readRecords(r *wire, size int64, a *answer) error {
	if size == 0 {
		return nil
	}
	kept := min(size, int64(x.share+x.f.largestBatch()))
	if a.dropped = !x.f.makeRoom(int(kept)); a.dropped {
		return r.skip(size)
	}
	a.raw = x.f.buffers.get(int(kept))
	if err := r.fill(a.raw); err != nil {
		x.f.discard(a.raw)
		return err
	}
	return r.skip(size - kept)
}

// handOn gives the answer to its partition.
func (x *exchange) handOn(i int, a *answer) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		x.f.discard(a.raw)
		return errors.New("nobody waits for the answer any longer")
	}
	x.answered[i] = true
	if len(a.raw) > 0 || a.dropped {
		x.filled++
	}
	x.wishes[i].p.answered(x.wishes[i], a)
	return nil
}

// find returns which of the wishes it is, and a negative number if it is none that was not
// answered yet.
func (x *exchange) find(topic string, number int) int {
	for i, w := range x.wishes {
		if !x.answered[i] && w.p.number == number && w.p.topic == topic {
			return i
		}
	}
	return -1
}

// A wire reads what a broker sends, of which so many bytes are left.
type wire struct {
	r    io.Reader
	left int64
	err  error
	b    [8]byte
}

var errWire = errors.New("the broker's answer cannot be read")

func (r *wire) number(size int) []byte {
	if err := r.fill(r.b[:size]); err != nil {
		clear(r.b[:])
	}
	return r.b[:size]
}

func (r *wire) int16() int16 { return int16(binary.BigEndian.Uint16(r.number(2))) }
func (r *wire) int32() int32 { return int32(binary.BigEndian.Uint32(r.number(4))) }
func (r *wire) int64() int64 { return int64(binary.BigEndian.Uint64(r.number(8))) }

// count returns the length of a list.
func (r *wire) count() int {
	n := int64(r.int32())
	if n > r.left {
		r.err = errWire
	}
	if n < 0 || r.err != nil {
		return 0
	}
	return int(n)
}

func (r *wire) text() string {
	b := make([]byte, max(0, r.int16()))
	if r.fill(b) != nil {
		return ""
	}
	return string(b)
}

func (r *wire) fill(b []byte) error {
	if r.err == nil && int64(len(b)) > r.left {
		r.err = errWire
	}
	if r.err != nil {
		return r.err
	}
	_, r.err = io.ReadFull(r.r, b)
	r.left -= int64(len(b))
	return r.err
}

func (r *wire) skip(n int64) error {
	if r.err == nil {
		_, r.err = io.CopyN(io.Discard, r.r, n)
		r.left -= n
	}
	return r.err
}
