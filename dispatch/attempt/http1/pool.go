package http1

import (
	"slices"
	"sync"
	"time"
)

// A pool holds the idle connections.
type pool struct {
	mu    sync.Mutex
	idle  map[endpoint][]*conn // guarded by mu; the longest idle first
	sweep *time.Timer          // guarded by mu; nil if no connection is idle
}

// take removes and returns the idle connection that was used last, or returns nil.
func (p *pool) take(to endpoint) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle[to]
	last := len(idle) - 1
	if last < 0 {
		return nil
	}
	c := idle[last]
	idle[last] = nil
	p.idle[to] = idle[:last]
	return c
}

// put adds a connection, which is closed when it has been idle for timeout.
func (p *pool) put(c *conn, timeout time.Duration) {
	c.idleSince = time.Now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = make(map[endpoint][]*conn)
	}
	p.idle[c.to] = append(p.idle[c.to], c)
	if p.sweep == nil {
		const sweeps = 16 // within the timeout
		p.sweep = time.AfterFunc(timeout/sweeps, func() { p.closeIdle(timeout, timeout/sweeps) })
	}
}

// closeIdle closes the connections that have been idle for timeout, and those that
// the other side has closed. While any connection is idle, it runs again after the
// time again.
func (p *pool) closeIdle(timeout, again time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for to, idle := range p.idle {
		p.idle[to] = slices.DeleteFunc(idle, func(c *conn) bool {
			over := time.Since(c.idleSince) >= timeout || c.stale()
			if over {
				go c.close()
			}
			return over
		})
		if len(p.idle[to]) == 0 {
			delete(p.idle, to)
		}
	}
	if p.sweep = nil; len(p.idle) > 0 {
		p.sweep = time.AfterFunc(again, func() { p.closeIdle(timeout, again) })
	}
}

// close closes all connections, and returns when they are closed.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	var closing sync.WaitGroup
	for _, conns := range idle {
		for _, c := range conns {
			closing.Go(c.close)
		}
	}
	closing.Wait()
}
