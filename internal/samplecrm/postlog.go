package samplecrm

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

// Posts returns the newest POSTs, at most Options.KeepPosts, the oldest first.
func (c *CRM) Posts() []Post { return c.posts.newest() }

// Counts returns the count of each delivery. Beyond Options.KeepCounts
// deliveries, all further ones are counted together, as Delivery{}.
func (c *CRM) Counts() map[Delivery]Count { return c.posts.all() }

// postLog has the POSTs that the CRM keeps, within its limits.
type postLog struct {
	keepPosts, keepCounts int

	mu     sync.Mutex
	posts  []Post             // guarded by mu
	counts map[Delivery]Count // guarded by mu
}

// received notes a POST that arrived completely.
func (l *postLog) received(p Post) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keepPosts > 0 {
		l.posts = append(l.posts, p)
		l.posts = l.posts[max(0, len(l.posts)-l.keepPosts):]
	}
	l.count(p, Count{Posts: 1})
}

// accepted notes that a POST is answered with 2xx.
func (l *postLog) accepted(p Post) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(p, Count{Taken: 1})
}

// count adds to the count of p's delivery. The caller holds mu.
func (l *postLog) count(p Post, more Count) {
	if l.keepCounts <= 0 {
		return
	}
	key := p.Delivery()
	if _, known := l.counts[key]; !known && len(l.counts) >= l.keepCounts {
		key = Delivery{}
	}
	if l.counts == nil {
		l.counts = make(map[Delivery]Count)
	}
	n := l.counts[key]
	l.counts[key] = Count{Posts: n.Posts + more.Posts, Taken: n.Taken + more.Taken}
}

func (l *postLog) newest() []Post {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.posts)
}

func (l *postLog) all() map[Delivery]Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts)
}
