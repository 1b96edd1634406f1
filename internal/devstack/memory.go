package devstack

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Post is one POST as the CRM got it. It is not changed any more.
type Post struct {
	At     time.Time   // when its headers had come
	Path   string      // the request target as sent, query included
	Header http.Header // among them webhook-id
	Body   []byte
}

// Delivery says which delivery the POST is an attempt of.
func (p Post) Delivery() Delivery { return Delivery{ID: p.Header.Get("webhook-id"), Path: p.Path} }

// A Delivery is what should be taken once: one id on one path.
type Delivery struct {
	ID   string // the webhook-id header
	Path string
}

// A Count is how often a delivery came.
type Count struct {
	Posts int // POSTs that arrived whole
	Taken int // of these, answered with 2xx
}

// Posts are the newest POSTs, as many as CRMOptions.KeepPosts says, oldest
// first.
func (c *CRM) Posts() []Post { return c.memory.newest() }

// Counts says how often each delivery came. Once CRMOptions.KeepCounts
// deliveries are known, all further ones count together as Delivery{}.
func (c *CRM) Counts() map[Delivery]Count { return c.memory.all() }

// memory is what the CRM remembers, within bounds.
type memory struct {
	keepPosts, keepCounts int

	mu     sync.Mutex
	posts  []Post             // guarded by mu
	counts map[Delivery]Count // guarded by mu
}

func (m *memory) got(p Post) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keepPosts > 0 {
		m.posts = append(m.posts, p)
		m.posts = m.posts[max(0, len(m.posts)-m.keepPosts):]
	}
	m.count(p, Count{Posts: 1})
}

func (m *memory) took(p Post) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count(p, Count{Taken: 1})
}

// count needs mu.
func (m *memory) count(p Post, more Count) {
	if m.keepCounts <= 0 {
		return
	}
	key := p.Delivery()
	if _, known := m.counts[key]; !known && len(m.counts) >= m.keepCounts {
		key = Delivery{}
	}
	if m.counts == nil {
		m.counts = make(map[Delivery]Count)
	}
	n := m.counts[key]
	m.counts[key] = Count{Posts: n.Posts + more.Posts, Taken: n.Taken + more.Taken}
}

func (m *memory) newest() []Post {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.posts)
}

func (m *memory) all() map[Delivery]Count {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.counts)
}
