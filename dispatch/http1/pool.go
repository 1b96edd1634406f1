package http1

import (
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
	if len(idle) == 0 {
		return nil
	}
	c := idle[len(idle)-1]
	idle[len(idle)-1] = nil
	p.idle[to] = idle[:len(idle)-1]
	return c
}

// put keeps a connection, or closes it if there are enough.
func (p *pool) put(c *conn, t *Transport) {
	c.used, c.since = true, time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = make(map[endpoint][]*conn)
	}
	if len(p.idle[c.to]) >= t.MaxIdlePerHost {
		go c.close()
		return
	}
	p.idle[c.to] = append(p.idle[c.to], c)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(t.IdleTimeout/16, func() { p.clean(t.IdleTimeout) })
	}
}

// clean closes what was idle for too long.
func (p *pool) clean(most time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for to, idle := range p.idle {
		for len(idle) > 0 && now.Sub(idle[0].since) >= most {
			go idle[0].close()
			idle[0] = nil
			idle = idle[1:]
		}
		p.idle[to] = idle
		if len(idle) == 0 {
			delete(p.idle, to)
		}
	}
	if len(p.idle) == 0 {
		p.sweep = nil
		return
	}
	p.sweep.Reset(most / 16)
}

func (p *pool) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, idle := range p.idle {
		for _, c := range idle {
			c.close()
		}
	}
	p.idle = nil
	if p.sweep != nil {
		p.sweep.Stop()
		p.sweep = nil
	}
}
