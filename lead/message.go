package lead

import "time"

// A Message is one record of a Kafka topic, as it was read.
//
// Key, Value and the header values must not be changed, so that they may be kept and
// shared without copying.
type Message struct {
	Topic     string
	Partition int
	Offset    int64
	Key       []byte
	Value     []byte
	Headers   []Header
	Time      time.Time // the record's timestamp; zero if it has none

	// Omitted is how many bytes the record has, at least, if it is too large to be read.
	// Value and Headers are then empty, and Key may be.
	Omitted int
}

// A Header is one header of a [Message]. Keys may repeat.
type Header struct {
	Key   string
	Value []byte
}

// Header returns the value of the last header with that key, and "" if there
// is none.
func (m *Message) Header(key string) string {
	for i := len(m.Headers) - 1; i >= 0; i-- {
		if m.Headers[i].Key == key {
			return string(m.Headers[i].Value)
		}
	}
	return ""
}

// Size returns about how many bytes of memory the message takes, for a budget.
func (m *Message) Size() int {
	const fixed = 256 // the structs around the bytes
	n := fixed + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}
