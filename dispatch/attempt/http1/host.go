package http1

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxHosts is how many hosts are known at most; those used last. Of a host that
	// was forgotten, everything is learnt again.
	maxHosts = 8192

	// forget is after how long it is tried again whether a host keeps connections
	// for longer than it was seen to.
	forget = 15 * time.Minute

	// A host that closed a connection when a request was on its way gets no second
	// request on a connection for a minute, and twice as long each time that it
	// happens again.
	minFresh = time.Minute
	maxFresh = 16 * time.Minute

	// classicFor is for how long a server that ended a connection at a post-quantum share,
	// and took the next without, gets none. Then it is tried again: that connection may have
	// ended by chance, and what is on the way to the server may have been mended.
	classicFor = time.Hour
)

// bounds are those of how long an idle connection is kept.
type bounds struct {
	first time.Duration // while nothing is known of the host
	most  time.Duration
}

// least is the shortest time worth keeping a connection for, and how precisely it
// is known when a host closed one.
func (b bounds) least() time.Duration { return b.first / sweeps }

// A host is what was learnt of how long a server keeps idle connections. A request
// on a connection that the server is just closing may or may not have been
// received, so ours are closed before. It is safe for concurrent use.
type host struct {
	to       endpoint
	promised atomic.Int64 // a [time.Duration]: what its last answer said (Keep-Alive); 0: nothing

	mu         sync.Mutex
	survived   time.Duration // guarded by mu, like all below; a connection that was idle for so long was still open
	closed     time.Duration // it closed a connection that was idle for so long; 0: none
	closedAt   time.Time
	fresh      time.Duration // how long it gets, or last got, fresh connections only
	freshUntil time.Time

	classicUntil time.Time // it gets no post-quantum share; see classicFor
}

// classic reports whether the server is to get no post-quantum share.
func (h *host) classic() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.classicUntil)
}

// preferClassic notes that TLS came about only without a post-quantum share.
func (h *host) preferClassic() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.classicUntil = time.Now().Add(classicFor)
}

// keep returns for how long a connection may be idle; 0: it is not used again.
func (h *host) keep(b bounds) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if now.Before(h.freshUntil) {
		return 0
	}
	keep := max(b.first, min(2*h.survived, b.most))
	if promised := time.Duration(h.promised.Load()); promised > 0 {
		keep = min(promised-max(promised/5, time.Second/2), b.most)
	}
	if h.closed > 0 && now.Sub(h.closedAt) < forget {
		keep = min(keep, max(h.closed*3/4, b.least()))
	}
	if keep < b.least() {
		return 0
	}
	return keep
}

// promise learns what an answer said; 0: nothing.
func (h *host) promise(timeout time.Duration) {
	if h.promised.Load() != int64(timeout) { // it says the same each time
		h.promised.Store(int64(timeout))
	}
}

// survive learns that a connection was still open after it had been idle for so
// long. The next one is kept for twice that time.
func (h *host) survive(idle time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.survived = max(h.survived, idle)
}

// close learns that the server closed a connection that had been idle for so long.
// If that was no time at all, it closes connections without saying so.
func (h *host) close(idle time.Duration, b bounds) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	switch {
	case idle < b.least():
		h.useFresh(now)
	case h.closed == 0 || idle < h.closed || now.Sub(h.closedAt) >= forget:
		h.closed, h.closedAt = idle, now
	}
}

// fail learns that the server did not answer a request on a connection that had
// been idle for so long.
func (h *host) fail(idle time.Duration, b bounds) {
	h.close(idle, b)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.useFresh(time.Now())
}

// useFresh begins a time of fresh connections, unless there is one. h.mu must be
// held.
func (h *host) useFresh(now time.Time) {
	switch since := now.Sub(h.freshUntil); {
	case since < 0:
		return
	case since < forget:
		h.fresh = min(max(2*h.fresh, minFresh), maxFresh)
	default:
		h.fresh = minFresh
	}
	h.freshUntil = now.Add(h.fresh)
}

// hosts are the known hosts. It is safe for concurrent use.
type hosts struct {
	mu    sync.Mutex
	known map[endpoint]*list.Element // guarded by mu; at most maxHosts
	used  list.List                  // guarded by mu; of *host, the last used first
}

// get returns the host of an endpoint, which may be new.
func (h *hosts) get(to endpoint) *host {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.known[to]; e != nil {
		h.used.MoveToFront(e)
		return e.Value.(*host) //nolint:forcetypeassert // there is nothing else in it
	}
	if h.known == nil {
		h.known = make(map[endpoint]*list.Element)
	}
	if len(h.known) >= maxHosts {
		last := h.used.Remove(h.used.Back()).(*host) //nolint:forcetypeassert // there is nothing else in it
		delete(h.known, last.to)
	}
	found := &host{to: to}
	h.known[to] = h.used.PushFront(found)
	return found
}
