package main

import (
	"io"
	"sync"
)

// results is standard output. It remembers the first write that failed, so
// that a command whose results got lost, on a full disk, does not end as if
// all were well. It is safe for concurrent use.
type results struct {
	mu  sync.Mutex
	out io.Writer
	err error // guarded by mu, as is out
}

func (r *results) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.out.Write(p)
	if r.err == nil {
		r.err = err
	}
	return n, err
}

// lost is why results got lost, nil if none did.
func (r *results) lost() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
