package fetch

import (
	"math/bits"
	"sync"
)

// buffers keeps what was used for large answers for the next ones. Otherwise the garbage
// collector would have as much work with them as with the messages.
type buffers struct {
	bySize [64]sync.Pool // of *[]byte, by the number of bits of their sizes
}

const smallestBuffer = 16 << 10

// get returns a buffer of that size.
func (p *buffers) get(size int) []byte {
	if size < smallestBuffer {
		return make([]byte, size)
	}
	class := bits.Len(uint(size - 1))
	if b, ok := p.bySize[class].Get().(*[]byte); ok {
		return (*b)[:size]
	}
	return make([]byte, size, 1<<class)
}

// put takes a buffer back.
func (p *buffers) put(b []byte) {
	if size := cap(b); size >= smallestBuffer {
		p.bySize[bits.Len(uint(size-1))].Put(&b)
	}
}
