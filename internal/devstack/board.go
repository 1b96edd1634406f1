package devstack

import (
	"errors"
	"slices"
	"strings"
	"sync"
)

// What the board keeps at most.
const (
	keptLeads   = 300
	keptPaths   = 500
	longestPath = longestText // a longer one is not listed and takes no order
)

// A board is what the CRM's page shows: the newest leads, and how each path
// is to answer. Whoever looks at it takes what is new at its own pace: a slow
// one costs nothing, and misses what is no longer kept.
type board struct {
	mu      sync.Mutex
	leads   []received       // guarded by mu; oldest first
	paths   map[string]Order // guarded by mu
	now     cursor           // guarded by mu
	changed chan struct{}    // guarded by mu; closed with the next change
}

// A cursor says how far somebody has seen a board: the newest lead, and how
// often the paths had changed. The zero value has seen nothing.
type cursor struct{ lead, paths int64 }

// A PathAnswer is a path that leads came for, or that has an order.
type PathAnswer struct {
	Path   string `json:"path"`
	Answer string `json:"answer"` // as ParseOrder takes it
}

func newBoard() *board {
	return &board{paths: map[string]Order{}, changed: make(chan struct{})}
}

// order is what a path was told.
func (b *board) order(path string) Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.paths[path]
}

var errFull = errors.New("too many paths have an answer of their own: set some to healthy first")

// tell gives a path an order.
func (b *board) tell(path string, o Order) error {
	if !strings.HasPrefix(path, "/") || len(path) > longestPath {
		return errors.New("a path begins with / and has at most 500 bytes")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.paths[path]; !known && len(b.paths) >= keptPaths && !b.forget() {
		return errFull
	}
	b.paths[path] = o
	b.now.paths++
	b.wake()
	return nil
}

// forget drops a path that has no order of its own, if there is one. It needs
// mu.
func (b *board) forget() bool {
	for path, o := range b.paths {
		if o.healthy() {
			delete(b.paths, path)
			return true
		}
	}
	return false
}

// add puts up a lead, and its path if there is room.
func (b *board) add(l received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now.lead++
	l.Number = b.now.lead
	if len(b.leads) == keptLeads {
		b.leads[0] = received{} // its request is not held by the array any longer
		b.leads = b.leads[1:]
	}
	b.leads = append(b.leads, l)
	if _, known := b.paths[l.Path]; !known && len(l.Path) <= longestPath && len(b.paths) < keptPaths {
		b.paths[l.Path] = Order{}
		b.now.paths++
	}
	b.wake()
}

// wake needs mu.
func (b *board) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// news are what somebody has not seen yet.
type news struct {
	Leads []received   `json:"leads"`           // oldest first
	Paths []PathAnswer `json:"paths,omitempty"` // all of them, sorted, if one has changed
}

// since returns what is new after a cursor, the cursor to go on from, and a
// channel that is closed once there is more.
func (b *board) since(c cursor) (news, cursor, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	unseen := int(min(b.now.lead-c.lead, int64(len(b.leads))))
	n := news{Leads: slices.Clone(b.leads[len(b.leads)-unseen:])}
	if c.paths != b.now.paths {
		n.Paths = b.sorted()
	}
	return n, b.now, b.changed
}

// answers are all paths that are listed, sorted.
func (b *board) answers() []PathAnswer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sorted()
}

// sorted needs mu.
func (b *board) sorted() []PathAnswer {
	all := make([]PathAnswer, 0, len(b.paths))
	for path, o := range b.paths {
		all = append(all, PathAnswer{Path: path, Answer: o.String()})
	}
	slices.SortFunc(all, func(x, y PathAnswer) int { return strings.Compare(x.Path, y.Path) })
	return all
}

// request is the kept request of a lead; nil if it is not kept any longer.
func (b *board) request(number int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.leads {
		if l.Number == number {
			return l.request
		}
	}
	return nil
}
