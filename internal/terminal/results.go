package terminal

import (
	"io"
	"sync"
)

// A Results is standard output. It remembers the first write that failed, so
// that a command whose results got lost, on a full disk, does not end as if
// all were well. It is safe for concurrent use.
type Results struct {
	mu  sync.Mutex
	out io.Writer
	err error // guarded by mu, as is out
}

// NewResults returns a Results that writes to out.
func NewResults(out io.Writer) *Results { return &Results{out: out} }

// Write writes results.
func (r *Results) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.out.Write(p)
	if r.err == nil {
		r.err = err
	}
	return n, err
}

// Lost is why results got lost, nil if none did.
func (r *Results) Lost() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
