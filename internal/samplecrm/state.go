package samplecrm

import (
	"errors"
	"slices"
	"strings"
	"sync"
)

// Limits of the page's state.
const (
	keptLeads   = 300
	keptPaths   = 500
	longestPath = longestText // a longer path is not listed and has no answer mode
)

// pageState is what the CRM's page shows: the newest leads, and the answer mode of
// each path. Each reader has a position and asks for what is new at its own pace. A
// slow reader costs nothing, but misses leads that are no longer kept.
type pageState struct {
	mu      sync.Mutex
	leads   []pageLead            // the oldest first; guarded by mu
	paths   map[string]AnswerMode // guarded by mu
	now     position              // guarded by mu
	changed chan struct{}         // closed at the next change; guarded by mu
}

// A position is how much of the state a reader has seen: the number of the newest
// lead, and the number of changes of the paths. With the zero value it has seen
// nothing.
type position struct{ lead, paths int64 }

// A PathAnswer is the answer mode of a path that leads came for or whose mode was
// set.
type PathAnswer struct {
	Path   string `json:"path"`
	Answer string `json:"answer"` // in the form of ParseAnswerMode
}

func newPageState() *pageState {
	return &pageState{paths: map[string]AnswerMode{}, changed: make(chan struct{})}
}

// mode returns the answer mode of a path.
func (s *pageState) mode(path string) AnswerMode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paths[path]
}

var errFull = errors.New("too many paths have an answer mode: set some to healthy first")

// setMode sets the answer mode of a path.
func (s *pageState) setMode(path string, m AnswerMode) error {
	if !strings.HasPrefix(path, "/") || len(path) > longestPath {
		return errors.New("a path begins with / and has at most 500 bytes")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.paths[path]; !known && len(s.paths) >= keptPaths && !s.dropHealthy() {
		return errFull
	}
	s.paths[path] = m
	s.now.paths++
	s.notify()
	return nil
}

// dropHealthy removes one path in healthy mode, and reports whether there was one.
// The caller holds mu.
func (s *pageState) dropHealthy() bool {
	for path, m := range s.paths {
		if m.healthy() {
			delete(s.paths, path)
			return true
		}
	}
	return false
}

// add adds a lead, and its path if there is room.
func (s *pageState) add(l pageLead) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.lead++
	l.Number = s.now.lead
	if len(s.leads) == keptLeads {
		s.leads[0] = pageLead{} // so that the array no longer holds its request
		s.leads = s.leads[1:]
	}
	s.leads = append(s.leads, l)
	if _, known := s.paths[l.Path]; !known && len(l.Path) <= longestPath && len(s.paths) < keptPaths {
		s.paths[l.Path] = AnswerMode{}
		s.now.paths++
	}
	s.notify()
}

// notify wakes all readers. The caller holds mu.
func (s *pageState) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// An update is what a reader has not seen yet.
type update struct {
	Leads []pageLead   `json:"leads"`           // the oldest first
	Paths []PathAnswer `json:"paths,omitempty"` // if one has changed, all of them, sorted
}

// since returns the update after a position, the position after the update, and a
// channel that is closed at the next change.
func (s *pageState) since(c position) (update, position, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unseen := int(min(s.now.lead-c.lead, int64(len(s.leads))))
	u := update{Leads: slices.Clone(s.leads[len(s.leads)-unseen:])}
	if c.paths != s.now.paths {
		u.Paths = s.sorted()
	}
	return u, s.now, s.changed
}

// answers returns all listed paths, sorted.
func (s *pageState) answers() []PathAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sorted()
}

// sorted returns all listed paths, sorted. The caller holds mu.
func (s *pageState) sorted() []PathAnswer {
	all := make([]PathAnswer, 0, len(s.paths))
	for path, m := range s.paths {
		all = append(all, PathAnswer{Path: path, Answer: m.String()})
	}
	slices.SortFunc(all, func(x, y PathAnswer) int { return strings.Compare(x.Path, y.Path) })
	return all
}

// request returns the request of a lead, or nil if it is no longer kept.
func (s *pageState) request(number int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.leads {
		if l.Number == number {
			return l.request
		}
	}
	return nil
}
