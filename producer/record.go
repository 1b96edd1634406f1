package producer

import (
	"github.com/leadhook/leadhook/lead"
)

// A Record is what is to be published. Its bytes must not change until Publish
// has returned, nor afterwards if Publish returned an error: the record may be
// on its way still.
type Record struct {
	Topic string

	// Partition is the number of the partition. -1 lets the key decide, by the
	// murmur2 hash that the Java clients use, so that every producer agrees; a
	// record with a nil key then goes to any partition.
	Partition int

	Key, Value []byte // nil: the record has none
	Headers    []lead.Header
}

// size is what the record takes in a batch, in bytes, never less than it does.
func (r *Record) size() int {
	const lengths = 5 // a length is a variable-length integer of at most five bytes
	const fixed = 10 + 10 + 4*lengths
	n := fixed + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 2*lengths + len(h.Key) + len(h.Value)
	}
	return n
}
