package consumer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// health knows whether the consumer does its work, for readiness, metrics and
// one log line at each change.
type health struct {
	stuckAfter time.Duration
	log        *zap.Logger

	mu         sync.Mutex
	member     bool         // guarded by mu
	cause      error        // why it is not a member; guarded by mu
	partitions []*partition // of the session under way; guarded by mu
	idleSince  time.Time    // when the last session ended; zero while one is under way; guarded by mu
	commitErr  error        // why the last commit failed; guarded by mu
	stuck      bool         // it was said in the log; guarded by mu
}

// longestRebalance is how long an ordinary rebalance takes at most: session and
// rebalance time-outs are about ten seconds each.
const longestRebalance = 30 * time.Second

func newHealth(stuckAfter time.Duration, log *zap.Logger) *health {
	return &health{stuckAfter: stuckAfter, log: log, cause: errors.New("it has not joined the group yet")}
}

// away notes that Kafka did not let us take part.
func (h *health) away(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.member || h.cause == nil || h.cause.Error() != err.Error() {
		h.log.Warn("Kafka does not let us read, trying on", zap.Error(err))
	}
	h.member, h.cause = false, err
}

func (h *health) joined(partitions []*partition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.member, h.cause = true, nil
	h.partitions, h.idleSince, h.commitErr = partitions, time.Time{}, nil
}

// committed notes how a commit ended, and says it in the log when they begin
// to fail.
func (h *health) committed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && h.commitErr == nil {
		h.log.Warn("offsets are not committed; some leads may be read again", zap.Error(err))
	}
	h.commitErr = err
}

// left notes that the session ended. For a while after it the consumer counts
// as ready: that is an ordinary rebalance.
func (h *health) left() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.partitions, h.idleSince = nil, time.Now()
	h.stuck = false
}

func (h *health) ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.member {
		return fmt.Errorf("the consumer does not read: %w", h.cause)
	}
	if idle := time.Since(h.idleSince); !h.idleSince.IsZero() && idle > longestRebalance {
		return fmt.Errorf("the consumer does not read: it has been joining its group again for %v",
			idle.Round(time.Second))
	}
	for _, p := range h.partitions {
		if cause := p.failing.Load(); cause != nil {
			return fmt.Errorf("partition %s/%d cannot be fetched: %s", p.topic, p.number, *cause)
		}
	}
	if h.commitErr != nil && h.idleSince.IsZero() {
		return fmt.Errorf("offsets are not committed: %w", h.commitErr)
	}
	if p, age := h.oldest(); age > h.stuckAfter {
		return fmt.Errorf("partition %s/%d is stuck: its oldest open event, offset %d, has been open for %v",
			p.topic, p.number, p.window.committable(), age.Round(time.Second))
	}
	return nil
}

// watch says it in the log when the oldest open event becomes too old, and
// when that is over, and finds out where fetching works again.
func (h *health) watch() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.partitions {
		p.recover()
	}
	p, age := h.oldest()
	switch stuck := age > h.stuckAfter; {
	case stuck && !h.stuck:
		h.log.Error("a partition is stuck: see /readyz for what is waited for", zap.String("topic", p.topic),
			zap.Int("partition", p.number), zap.Int64("offset", p.window.committable()), zap.Duration("age", age))
	case !stuck && h.stuck:
		h.log.Info("no partition is stuck any more")
	}
	h.stuck = age > h.stuckAfter
}

// oldest returns the partition whose prefix has been held up longest. The
// caller holds mu.
func (h *health) oldest() (*partition, time.Duration) {
	if len(h.partitions) == 0 {
		return nil, 0
	}
	p := slices.MaxFunc(h.partitions, func(a, b *partition) int { return cmp.Compare(a.age(), b.age()) })
	return p, p.age()
}
