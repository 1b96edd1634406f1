package producer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/topics"
)

// A stall is what Kafka does not take: everything for a partition, or single records
// that it refuses while it takes others. While it takes all, the stall is no more than a
// place to note it.
type stall struct {
	at topics.Partition

	// These are guarded by the mu of stalls.
	since time.Time // when what failed first was tried; zero: nothing fails
	last  time.Time // when it failed last
	cause error     // of the last failure, for people
	why   error     // the last failure as it came
	moved bool      // records went elsewhere instead: it lasts although nobody retries

	watched bool // somebody asks whether it is over
}

// forgotten is how long a stall lasts that nobody retries and no question ends. Those that went elsewhere
// come back sooner; if they do not, their partition belongs to another instance now.
const forgotten = 10 * time.Minute

// stalls knows what stalls at present, and logs the outage of each topic. So a cluster
// that cannot be reached causes only a few lines, however many partitions wait for it.
type stalls struct {
	log *zap.Logger

	mu     sync.Mutex
	now    map[*stall]struct{}     // guarded by mu: those whose since is not zero
	topics map[string]*topicOutage // guarded by mu: the topics with a stall
}

// A topicOutage lasts while anything that goes to the topic stalls.
type topicOutage struct {
	lines  *wait.Outage
	stalls int
}

func newStalls(log *zap.Logger) *stalls {
	return &stalls{log: log, now: make(map[*stall]struct{}), topics: make(map[string]*topicOutage)}
}

// failed notes that what was first tried at the given time failed again, and why: as it
// came, and for people. It returns since when s lasts.
func (ss *stalls) failed(s *stall, began time.Time, why, cause error) (since time.Time) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.forget()
	outage := ss.topics[s.at.Topic]
	if outage == nil {
		outage = &topicOutage{lines: wait.NewOutage(ss.log, zapcore.WarnLevel,
			"cannot publish to Kafka; retrying", "publishing to Kafka again", zap.String("topic", s.at.Topic))}
		ss.topics[s.at.Topic] = outage
	}
	if s.since.IsZero() {
		s.since = began
		ss.now[s] = struct{}{}
		outage.stalls++
	}
	s.last, s.why, s.cause = time.Now(), why, cause
	if s.at.Number != topics.AnyPartition {
		cause = fmt.Errorf("partition %d: %w", s.at.Number, cause)
	}
	outage.lines.Failed(cause)
	return s.since
}

// movedOn notes that records went elsewhere, which s was about. It reports whether nobody
// watches s yet, as the caller must then.
func (ss *stalls) movedOn(s *stall) (unwatched bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	unwatched = !s.watched
	s.moved, s.watched = true, true
	return unwatched
}

// isLeft reports whether s lasts since records went elsewhere. If not, it is no longer watched.
func (ss *stalls) isLeft(s *stall) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s.watched = s.moved
	return s.moved
}

// failure returns the last failure of s as it came, or nil if nothing fails.
func (ss *stalls) failure(s *stall) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return s.why
}

// recovered notes that what s is about has succeeded. It does nothing if it never failed.
func (ss *stalls) recovered(s *stall) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if outage := ss.remove(s); outage != nil {
		outage.lines.Recovered()
	}
}

// abandoned notes that nobody waits any longer for what s is about. The log does not
// say that the outage is over: it may not be. If records went elsewhere, s lasts.
func (ss *stalls) abandoned(s *stall) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if !s.moved {
		ss.remove(s)
	}
}

// forget removes what nobody has tried for long. The caller holds mu.
func (ss *stalls) forget() {
	for s := range ss.now {
		if time.Since(s.last) > forgotten {
			ss.remove(s)
		}
	}
}

// remove ends s. It returns the outage that s was the last stall of, or nil if there are
// other stalls or s never failed. The caller holds mu.
func (ss *stalls) remove(s *stall) *topicOutage {
	if s.since.IsZero() {
		return nil
	}
	s.since, s.last, s.cause, s.why, s.moved = time.Time{}, time.Time{}, nil, nil, false
	delete(ss.now, s)
	outage := ss.topics[s.at.Topic]
	if outage.stalls--; outage.stalls > 0 {
		return nil
	}
	delete(ss.topics, s.at.Topic)
	return outage
}

// lasting returns for how long s has lasted, and its last cause; zero and nil if nothing
// fails.
func (ss *stalls) lasting(s *stall) (time.Duration, error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.since.IsZero() {
		return 0, nil
	}
	return time.Since(s.since), s.cause
}

// A standing is a copy of a stall.
type standing struct {
	at    topics.Partition
	since time.Time
	cause error
}

func (s *standing) String() string {
	return fmt.Sprintf("%s since %s: %v", s.at, s.since.UTC().Format(time.RFC3339), s.cause)
}

// list returns what has stalled for patience, the oldest first, and of each partition the
// oldest alone.
func (ss *stalls) list(patience time.Duration) []standing {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.forget()
	var all []standing
	for s := range ss.now {
		if time.Since(s.since) >= patience {
			all = append(all, standing{s.at, s.since, s.cause})
		}
	}
	slices.SortFunc(all, func(a, b standing) int {
		return cmp.Or(a.since.Compare(b.since), strings.Compare(a.at.Topic, b.at.Topic), a.at.Number-b.at.Number)
	})
	seen := make(map[topics.Partition]bool)
	return slices.DeleteFunc(all, func(s standing) bool {
		before := seen[s.at]
		seen[s.at] = true
		return before
	})
}
