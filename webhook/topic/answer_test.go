package topic_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/webhook/topic"
)

// A brokerThat gives the same answer to every fetch: what a broker sends on the wire.
type brokerThat struct {
	answer  []byte
	version int16
}

func (b brokerThat) RoundTrip(_ context.Context, _ net.Addr, req kafka.Request) (kafka.Response, error) {
	fetch := req.(protocol.RawExchanger)
	fetch.Required(map[protocol.ApiKey]int16{protocol.Fetch: b.version})
	return fetch.RawExchange(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(b.answer), io.Discard})
}

// fetchAnswered fetches from an offset on and gets the answer.
func fetchAnswered(answer []byte, from int64, maxBytes int) (topic.Chunk, error) {
	client := &kafka.Client{Addr: kafka.TCP("127.0.0.1:9092"), Transport: brokerThat{answer, newest}}
	return topic.New(client, "leads.webhooks").Fetch(context.Background(), from, 0, maxBytes)
}

const newest = 11

// answerWith is an answer with batches of a log that ends at an offset.
func answerWith(end int64, batches ...[]byte) []byte {
	return answerOf(func(r *kmsg.FetchResponse) {
		p := kmsg.FetchResponseTopicPartition{HighWatermark: end, RecordBatches: bytes.Join(batches, nil)}
		r.Topics = []kmsg.FetchResponseTopic{{Topic: "leads.webhooks", Partitions: []kmsg.FetchResponseTopicPartition{p}}}
	})
}

func answerOf(fill func(*kmsg.FetchResponse)) []byte {
	r := kmsg.NewPtrFetchResponse()
	r.Version = newest
	fill(r)
	body := r.AppendTo([]byte{0, 0, 0, 1}) // the request's number
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// batch is a batch from an offset on, of last+1 offsets, with the records that are left.
func batch(first int64, last int32, attributes int16, left ...topic.Record) []byte {
	var plain []byte
	for _, r := range left {
		record := kmsg.Record{OffsetDelta: int32(r.Offset - first), Key: []byte(r.Key), Value: r.Value}
		record.Length = int32(len(record.AppendTo(nil)) - 1)
		if record.Length > 63 { // its varint takes more than a byte
			record.Length = int32(len(record.AppendTo(nil)) - len(binary.AppendVarint(nil, int64(record.Length))))
		}
		plain = record.AppendTo(plain)
	}
	return sealed(&kmsg.RecordBatch{
		FirstOffset: first, LastOffsetDelta: last, Magic: 2, Attributes: attributes, NumRecords: int32(len(left)),
		FirstTimestamp: 1_000, MaxTimestamp: 2_000, Records: packed(attributes, plain),
	})
}

func packed(attributes int16, plain []byte) []byte {
	codec := compress.Compression(attributes & 7).Codec()
	if codec == nil {
		return plain
	}
	var b bytes.Buffer
	w := codec.NewWriter(&b)
	_, _ = w.Write(plain)
	_ = w.Close()
	return b.Bytes()
}

// sealed is the batch with its length and checksum.
func sealed(b *kmsg.RecordBatch) []byte {
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	b.CRC = int32(crc32.Checksum(b.AppendTo(nil)[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

func record(offset int64, key string) topic.Record {
	return topic.Record{Offset: offset, Key: key, Value: []byte("v"), Time: time.UnixMilli(1_000)}
}

func TestWhereAFetchGoesOn(t *testing.T) {
	a, b, c := record(3, "a"), record(5, "b"), record(9, "c")
	byBroker := record(5, "b")
	byBroker.Time = time.UnixMilli(2_000)
	const whole, appendTime, transaction, control = 1 << 20, 8, 16, 16 | 32
	cases := map[string]struct {
		batches  [][]byte
		maxBytes int
		want     topic.Chunk
	}{
		"nothing yet":                    {nil, whole, topic.Chunk{Next: 3, End: 3}},
		"a hole up to the end":           {nil, whole, topic.Chunk{Next: 12, End: 12}},
		"the leader's end is behind":     {nil, whole, topic.Chunk{Next: 3, End: 2}},
		"from within a batch":            {[][]byte{batch(1, 4, 0, record(1, "x"), a, b)}, whole, topic.Chunk{Records: []topic.Record{a, b}, Next: 6, End: 12}},
		"holes in and between batches":   {[][]byte{batch(2, 3, 0, b), batch(8, 2, 0, c)}, whole, topic.Chunk{Records: []topic.Record{b, c}, Next: 11, End: 12}},
		"the end of a batch is a hole":   {[][]byte{batch(1, 7, 0, record(1, "x"))}, whole, topic.Chunk{Next: 9, End: 12}},
		"an empty batch":                 {[][]byte{batch(1, 7, 0)}, whole, topic.Chunk{Next: 9, End: 12}},
		"the last batch is cut off":      {[][]byte{batch(2, 3, 0, b), batch(8, 2, 0, c)[:69]}, whole, topic.Chunk{Records: []topic.Record{b}, Next: 6, End: 12}},
		"only its length is there":       {[][]byte{batch(2, 3, 0, b), batch(8, 2, 0, c)[:7]}, whole, topic.Chunk{Records: []topic.Record{b}, Next: 6, End: 12}},
		"as much as was asked for":       {[][]byte{batch(2, 3, 0, b), batch(8, 2, 0, c)}, 2, topic.Chunk{Records: []topic.Record{b}, Next: 6, End: 12}},
		"a batch although less was":      {[][]byte{batch(1, 4, 0, a, b)}, 1, topic.Chunk{Records: []topic.Record{a, b}, Next: 6, End: 12}},
		"batches of holes, none too few": {[][]byte{batch(1, 4, 0), batch(8, 2, 0, c)}, 1, topic.Chunk{Records: []topic.Record{c}, Next: 11, End: 12}},
		"a transaction and its marker":   {[][]byte{batch(3, 0, transaction, a), batch(4, 0, control, record(4, "\x00\x00\x00\x00"))}, whole, topic.Chunk{Records: []topic.Record{a}, Next: 5, End: 12}},
		"a marker alone":                 {[][]byte{batch(3, 0, control, record(3, "\x00\x00\x00\x01"))}, whole, topic.Chunk{Next: 4, End: 12}},
		"the broker's time":              {[][]byte{batch(5, 0, appendTime, b)}, whole, topic.Chunk{Records: []topic.Record{byBroker}, Next: 6, End: 12}},
		"gzip":                           {[][]byte{batch(1, 4, 1, a, b)}, whole, topic.Chunk{Records: []topic.Record{a, b}, Next: 6, End: 12}},
		"snappy":                         {[][]byte{batch(1, 4, 2, a, b)}, whole, topic.Chunk{Records: []topic.Record{a, b}, Next: 6, End: 12}},
		"lz4":                            {[][]byte{batch(1, 4, 3, a, b)}, whole, topic.Chunk{Records: []topic.Record{a, b}, Next: 6, End: 12}},
		"zstd":                           {[][]byte{batch(1, 4, 4, a, b)}, whole, topic.Chunk{Records: []topic.Record{a, b}, Next: 6, End: 12}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := fetchAnswered(answerWith(c.want.End, c.batches...), 3, c.maxBytes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnswersThatCannotBeUsed(t *testing.T) {
	sound := func() []byte { return batch(3, 0, 0, record(3, "a")) }
	altered := func(at int, to byte) []byte {
		b := sound()
		b[at] = to
		return b
	}
	large := topic.Record{Offset: 3, Value: make([]byte, 18<<20)}
	cases := map[string]struct {
		answer []byte
		want   string
	}{
		"altered on its way":     {answerWith(9, altered(68, 'x')), "the batch at offset 3: its checksum is wrong"},
		"from another time":      {answerWith(9, altered(16, 1)), "its format 1 is from before Kafka 0.11"},
		"too short":              {answerWith(9, altered(11, 20)), "32 bytes are too few"},
		"the only batch cut off": {answerWith(9, sound()[:60]), "nothing of a batch of 60 bytes from offset 3 on"},
		"fewer records":          {answerWith(9, sealed(&kmsg.RecordBatch{FirstOffset: 3, Magic: 2, NumRecords: 1 << 30})), "it does not have its 1073741824 records"},
		"unknown compression":    {answerWith(9, batch(3, 0, 7, record(3, "a"))), "its compression 7 is not known"},
		"not what it says":       {answerWith(9, sealed(&kmsg.RecordBatch{FirstOffset: 3, Magic: 2, Attributes: 4, NumRecords: 1, Records: []byte("no zstd")})), "unpacking it: "},
		"a bomb":                 {answerWith(9, batch(3, 0, 4, large)), "it unpacks to more than 16777216 bytes"},
		"too large":              {answerWith(9, batch(3, 0, 0, large)), "an answer of 18"},
		"larger than it says":    {[]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1}, "an answer of "},
		"no partition":           {answerOf(func(*kmsg.FetchResponse) {}), "an answer without the partition"},
		"throttled":              {answerOf(func(r *kmsg.FetchResponse) { r.ThrottleMillis = 100 }), "Throttling"},
		"broken off":             {answerWith(9, sound())[:50], "EOF"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := fetchAnswered(c.answer, 3, 1<<20)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "leads.webhooks") {
				t.Errorf("error %v, want one with %q; %d records", err, c.want, len(got.Records))
			}
		})
	}
}

func TestABrokerThatIsTooOld(t *testing.T) {
	client := &kafka.Client{Addr: kafka.TCP("127.0.0.1:9092"), Transport: brokerThat{nil, 3}}
	if _, err := topic.New(client, "leads.webhooks").Fetch(t.Context(), 3, 0, 1); !errors.Is(err, kafka.UnsupportedVersion) {
		t.Errorf("error %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(answerWith(12, batch(1, 4, 0, record(3, "a")), batch(8, 2, 4, record(9, "c"))))
	f.Add(answerWith(3))
	f.Fuzz(func(t *testing.T, answer []byte) {
		const from = 3
		c, err := fetchAnswered(answer, from, 1<<10)
		if err != nil {
			return
		}
		if c.Next < from || len(c.Records) > 0 && c.Next == from {
			t.Errorf("no way on: %+v", c)
		}
		for _, r := range c.Records {
			if r.Offset < from {
				t.Errorf("record %d in a fetch from %d", r.Offset, from)
			}
		}
	})
}
