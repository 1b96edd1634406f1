package producer

import (
	"github.com/leadhook/leadhook/lead"
)

// A Record is a record to be published. Its bytes must not change until Publish
// has returned, nor later if Publish returned an error: they may still be sent.
type Record struct {
	Topic string

	// Partition is the number of the partition. With -1 the key decides, by the
	// murmur2 hash that the Java clients use, so that all producers agree; a record
	// with a nil key then goes to any partition.
	Partition int

	Key, Value []byte // nil if the record has none
	Headers    []lead.Header
}

// size returns what the record takes in a batch, in bytes, or a little more.
func (r *Record) size() int {
	const lengths = 5 // a length is a variable-length integer of at most five bytes
	const fixed = 10 + 10 + 4*lengths
	n := fixed + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 2*lengths + len(h.Key) + len(h.Value)
	}
	return n
}
