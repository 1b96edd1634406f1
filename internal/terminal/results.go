package terminal

import (
	"io"
	"sync"
)

// Results writes to standard output and remembers the first write that failed:
// a command whose results are lost, because the disk is full, must not exit with
// code 0. It is safe for concurrent use.
type Results struct {
	mu  sync.Mutex
	out io.Writer
	err error // guarded by mu, as is out
}

// NewResults returns a Results that writes to out.
func NewResults(out io.Writer) *Results { return &Results{out: out} }

// Write writes p to standard output.
func (r *Results) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.out.Write(p)
	if r.err == nil {
		r.err = err
	}
	return n, err
}

// Lost returns the error of the first write that failed, or nil if none did.
func (r *Results) Lost() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
