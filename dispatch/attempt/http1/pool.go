package http1

import (
	"slices"
	"sync"
	"time"
)

// A pool has the idle connections.
type pool struct {
	mu    sync.Mutex
	idle  map[endpoint][]*conn // guarded by mu; the longest idle first
	sweep *time.Timer          // guarded by mu; nil: none is idle
}

// take takes the connection that was used last; nil: there is none.
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

// put keeps a connection, for so long.
func (p *pool) put(c *conn, timeout time.Duration) {
	c.since = time.Now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = make(map[endpoint][]*conn)
	}
	p.idle[c.to] = append(p.idle[c.to], c)
	if p.sweep == nil {
		const often = 16
		p.sweep = time.AfterFunc(timeout/often, func() { p.closeOlder(timeout, timeout/often) })
	}
}

// closeOlder closes what was idle for so long, and what the other side has
// closed, again and again while there is something idle.
func (p *pool) closeOlder(than, again time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for to, idle := range p.idle {
		p.idle[to] = slices.DeleteFunc(idle, func(c *conn) bool {
			over := time.Since(c.since) >= than || c.stale()
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
		p.sweep = time.AfterFunc(again, func() { p.closeOlder(than, again) })
	}
}

// close closes all, and waits for that.
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
