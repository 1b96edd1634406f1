package requeue

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/topics"
)

// A trouble is something that does not succeed and is tried again.
type trouble struct {
	at    topics.Partition
	since time.Time // when it was tried first
	cause error     // guarded by the mu of troubles once it has begun
}

// troubles knows what does not succeed at present. It logs one line when the
// first trouble of a topic begins, and one when the last has ended: a cluster
// that is away is a few lines, however many partitions wait for it.
type troubles struct {
	log       *zap.Logger
	bad, good string // what the lines say

	mu       sync.Mutex
	now      map[*trouble]struct{} // guarded by mu
	perTopic map[string]int        // guarded by mu: how many of now
}

func newTroubles(log *zap.Logger, bad, good string) *troubles {
	return &troubles{
		log: log, bad: bad, good: good,
		now: make(map[*trouble]struct{}), perTopic: make(map[string]int),
	}
}

// begin notes that t does not succeed because of cause. It may be called again
// while t lasts.
func (ts *troubles) begin(t *trouble, cause error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.cause = cause
	if _, known := ts.now[t]; known {
		return
	}
	ts.now[t] = struct{}{}
	ts.perTopic[t.at.Topic]++
	if ts.perTopic[t.at.Topic] == 1 {
		ts.log.Warn(ts.bad, zap.String("topic", t.at.Topic), zap.Int("partition", t.at.Number), zap.Error(cause))
	}
}

// recovered notes that t has succeeded. It does nothing if t never began or is
// nil.
func (ts *troubles) recovered(t *trouble) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.remove(t) {
		ts.log.Info(ts.good, zap.String("topic", t.at.Topic))
	}
}

// abandoned notes that nobody wants t to succeed any more. No line says that
// all is well: nobody knows.
func (ts *troubles) abandoned(t *trouble) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.remove(t)
}

// remove says whether t was there, as the last trouble of its topic. The caller
// holds mu.
func (ts *troubles) remove(t *trouble) bool {
	if _, known := ts.now[t]; !known {
		return false
	}
	delete(ts.now, t)
	ts.perTopic[t.at.Topic]--
	if ts.perTopic[t.at.Topic] > 0 {
		return false
	}
	delete(ts.perTopic, t.at.Topic)
	return true
}

// err describes the oldest trouble if it has lasted for patience, and is nil
// otherwise.
func (ts *troubles) err(patience time.Duration) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var oldest *trouble
	for t := range ts.now {
		if oldest == nil || t.since.Before(oldest.since) {
			oldest = t
		}
	}
	if oldest == nil || time.Since(oldest.since) < patience {
		return nil
	}
	others := ""
	if n := len(ts.now) - 1; n > 0 {
		others = fmt.Sprintf(" (and %d more)", n)
	}
	return fmt.Errorf("%s%s since %s: %w", oldest.at, others, oldest.since.UTC().Format(time.RFC3339), oldest.cause)
}
