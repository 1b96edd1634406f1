package http1

import (
	"slices"
	"sync"
	"time"
)

// sweeps is how often idle connections are looked at within [Transport.IdleTimeout].
const sweeps = 16

// A pool holds the idle connections.
type pool struct {
	mu             sync.Mutex
	idle           map[endpoint][]*conn // guarded by mu; the longest idle first
	oldest, newest *conn                // guarded by mu; all of them in a list, in the order in which they became idle
	size           int                  // guarded by mu; of the list
	sweep          *time.Timer          // guarded by mu; nil if no connection is idle
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
	p.unlink(c)
	return c
}

// put adds a connection, which is closed when it has been idle for as long as its
// host keeps connections. If there are then more than most, that which has been idle
// longest is closed; 0: there is no bound.
func (p *pool) put(c *conn, most int, b bounds) {
	c.idleSince = time.Now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = make(map[endpoint][]*conn)
	}
	p.idle[c.to] = append(p.idle[c.to], c)
	p.link(c)
	if most > 0 && p.size > most {
		p.closeOldest()
	}
	if p.sweep == nil {
		p.sweep = time.AfterFunc(b.least(), func() { p.closeIdle(b) })
	}
}

// link adds a connection to the list, unlink removes it. p.mu must be held.
func (p *pool) link(c *conn) {
	if c.older = p.newest; c.older != nil {
		c.older.newer = c
	} else {
		p.oldest = c
	}
	p.newest = c
	p.size++
}

func (p *pool) unlink(c *conn) {
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		p.oldest = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		p.newest = c.older
	}
	c.older, c.newer = nil, nil
	p.size--
}

// closeOldest closes the connection that has been idle longest, which is the first one
// of its endpoint. p.mu must be held.
func (p *pool) closeOldest() {
	c := p.oldest
	p.unlink(c)
	idle := p.idle[c.to]
	idle[0] = nil
	p.keep(c.to, idle[1:]) // no move: there may be thousands, and others wait for the lock
	go c.close()
}

// keep sets which connections to an endpoint are idle. p.mu must be held.
func (p *pool) keep(to endpoint, idle []*conn) {
	if len(idle) == 0 {
		delete(p.idle, to)
	} else {
		p.idle[to] = idle
	}
}

// remove removes and closes the connections to an endpoint that are over. p.mu must
// be held.
func (p *pool) remove(to endpoint, over func(*conn) bool) {
	p.keep(to, slices.DeleteFunc(p.idle[to], func(c *conn) bool {
		if !over(c) {
			return false
		}
		p.unlink(c)
		go c.close()
		return true
	}))
}

// closeIdle closes the connections that have been idle for too long, and those that
// the other side has closed. While any connection is idle, it runs again.
func (p *pool) closeIdle(b bounds) {
	for _, to := range p.endpoints() { // each by itself, so that nobody waits for all of them
		p.mu.Lock()
		p.remove(to, func(c *conn) bool { return c.over(b) })
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sweep = nil; p.size > 0 {
		p.sweep = time.AfterFunc(b.least(), func() { p.closeIdle(b) })
	}
}

// endpoints returns those to which there were connections.
func (p *pool) endpoints() []endpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]endpoint, 0, len(p.idle))
	for to := range p.idle {
		all = append(all, to)
	}
	return all
}

// close closes all connections, and returns when they are closed.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.oldest, p.newest, p.size = nil, nil, nil, 0
	p.mu.Unlock()
	var closing sync.WaitGroup
	for _, conns := range idle {
		for _, c := range conns {
			closing.Go(c.close)
		}
	}
	closing.Wait()
}
