package producer

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/topics"
)

// A stall is a batch that Kafka does not take, and that is retried.
type stall struct {
	at    topics.Partition
	since time.Time // when it was tried first
	cause error     // guarded by the mu of stalls once it has failed
}

// stalls knows which batches stall at present, and logs the outage of each topic.
// So a cluster that cannot be reached causes only a few lines, however many
// partitions wait for it.
type stalls struct {
	log *zap.Logger

	mu     sync.Mutex
	now    map[*stall]struct{}     // guarded by mu: those that have failed and not ended
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

// failed notes that s was tried without success, and why.
func (ss *stalls) failed(s *stall, cause error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s.cause = cause
	outage := ss.topics[s.at.Topic]
	if outage == nil {
		outage = &topicOutage{lines: wait.NewOutage(ss.log, zapcore.WarnLevel,
			"cannot publish to Kafka; retrying", "publishing to Kafka again", zap.String("topic", s.at.Topic))}
		ss.topics[s.at.Topic] = outage
	}
	if _, known := ss.now[s]; !known {
		ss.now[s] = struct{}{}
		outage.stalls++
	}
	if s.at.Number != topics.AnyPartition {
		cause = fmt.Errorf("partition %d: %w", s.at.Number, cause)
	}
	outage.lines.Failed(cause)
}

// recovered notes that s has succeeded. It does nothing if s never failed.
func (ss *stalls) recovered(s *stall) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if outage := ss.remove(s); outage != nil {
		outage.lines.Recovered()
	}
}

// abandoned notes that s is no longer tried. The log does not say that the
// outage is over: it may not be.
func (ss *stalls) abandoned(s *stall) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.remove(s)
}

// remove removes s. It returns the outage that s was the last stall of, or nil if
// there are other stalls or s never failed. The caller holds mu.
func (ss *stalls) remove(s *stall) *topicOutage {
	if _, known := ss.now[s]; !known {
		return nil
	}
	delete(ss.now, s)
	outage := ss.topics[s.at.Topic]
	if outage.stalls--; outage.stalls > 0 {
		return nil
	}
	delete(ss.topics, s.at.Topic)
	return outage
}

// err describes the oldest stall if it has lasted for patience, and is nil
// otherwise.
func (ss *stalls) err(patience time.Duration) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	var oldest *stall
	for s := range ss.now {
		if oldest == nil || s.since.Before(oldest.since) {
			oldest = s
		}
	}
	if oldest == nil || time.Since(oldest.since) < patience {
		return nil
	}
	others := ""
	if n := len(ss.now) - 1; n > 0 {
		others = fmt.Sprintf(" (and %d more)", n)
	}
	return fmt.Errorf("%s%s since %s: %w", oldest.at, others, oldest.since.UTC().Format(time.RFC3339), oldest.cause)
}
