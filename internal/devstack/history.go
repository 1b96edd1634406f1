package devstack

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Post is one POST as the CRM received it. It is never changed.
type Post struct {
	At     time.Time // when its headers had arrived
	Path   string    // the request target, including the query
	Header http.Header
	Body   []byte
}

// Delivery returns the delivery of which the POST is an attempt.
func (p Post) Delivery() Delivery { return Delivery{ID: p.Header.Get("webhook-id"), Path: p.Path} }

// A Delivery is an id on a path. It should be accepted once.
type Delivery struct {
	ID   string // the webhook-id header
	Path string
}

// A Count counts the POSTs of one delivery.
type Count struct {
	Posts int // POSTs that arrived completely
	Taken int // of these, accepted with 2xx
}

// Posts returns the newest POSTs, at most CRMOptions.KeepPosts, the oldest first.
func (c *CRM) Posts() []Post { return c.history.newest() }

// Counts returns the count of each delivery. Beyond CRMOptions.KeepCounts
// deliveries, all further ones are counted together, as Delivery{}.
func (c *CRM) Counts() map[Delivery]Count { return c.history.all() }

// history has the POSTs that the CRM keeps, within its limits.
type history struct {
	keepPosts, keepCounts int

	mu     sync.Mutex
	posts  []Post             // guarded by mu
	counts map[Delivery]Count // guarded by mu
}

// received notes a POST that arrived completely.
func (h *history) received(p Post) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keepPosts > 0 {
		h.posts = append(h.posts, p)
		h.posts = h.posts[max(0, len(h.posts)-h.keepPosts):]
	}
	h.count(p, Count{Posts: 1})
}

// accepted notes that a POST is answered with 2xx.
func (h *history) accepted(p Post) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count(p, Count{Taken: 1})
}

// count adds to the count of p's delivery. The caller holds mu.
func (h *history) count(p Post, more Count) {
	if h.keepCounts <= 0 {
		return
	}
	key := p.Delivery()
	if _, known := h.counts[key]; !known && len(h.counts) >= h.keepCounts {
		key = Delivery{}
	}
	if h.counts == nil {
		h.counts = make(map[Delivery]Count)
	}
	n := h.counts[key]
	h.counts[key] = Count{Posts: n.Posts + more.Posts, Taken: n.Taken + more.Taken}
}

func (h *history) newest() []Post {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.posts)
}

func (h *history) all() map[Delivery]Count {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.counts)
}
