package consumer

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
)

// health knows whether the consumer does its work, for readiness, metrics and
// the log.
type health struct {
	stuckAfter time.Duration
	log        *zap.Logger
	reading    *wait.Outage
	commits    *wait.Outage

	mu          sync.Mutex
	member      bool                   // guarded by mu
	cause       error                  // why it is not a member; guarded by mu
	partitions  []*partition           // those that the current session reads; guarded by mu
	starting    map[*assigned]bool     // those that it has not looked at yet; guarded by mu
	startingAt  time.Time              // guarded by mu
	begun       bool                   // all partitions of some session were looked at; guarded by mu
	standing    map[*assigned]standing // those that it cannot read yet; guarded by mu
	idleSince   time.Time              // when the last session ended; zero during a session; guarded by mu
	commitErr   error                  // of the last commit; guarded by mu
	stuckLogged time.Time              // when the log last said that a partition is stuck; zero: none is; guarded by mu
}

// longestRebalance is how long an ordinary rebalance takes at most: session and
// rebalance time-outs are about ten seconds each.
const longestRebalance = 30 * time.Second

// stuckReminder is how often the log says that a partition is still stuck.
const stuckReminder = time.Minute

func newHealth(stuckAfter time.Duration, log *zap.Logger) *health {
	return &health{
		stuckAfter: stuckAfter,
		log:        log,
		reading:    wait.NewOutage(log, zapcore.WarnLevel, "cannot read from Kafka; retrying", "reading from Kafka again"),
		commits: wait.NewOutage(log, zapcore.WarnLevel,
			"cannot commit offsets; some leads may be read again", "committing offsets again"),
		cause: errors.New("it has not joined the group yet"),
	}
}

// cannotJoin notes why the consumer cannot take part in its group.
func (h *health) cannotJoin(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.member, h.cause = false, err
	h.reading.Failed(err)
}

// joined notes that a session reads these partitions.
func (h *health) joined(partitions []*partition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.member, h.cause = true, nil
	h.partitions, h.idleSince, h.commitErr = partitions, time.Time{}, nil
	h.standing = make(map[*assigned]standing)
	h.reading.Recovered()
	h.commits.Forget() // the next commit belongs to another generation
}

// starts notes the partitions of the session, which it is about to look at.
func (h *health) starts(all []*assigned) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starting, h.startingAt = make(map[*assigned]bool, len(all)), time.Now()
	for _, a := range all {
		h.starting[a] = true
	}
	h.started(nil)
}

// started notes that a partition was looked at. The caller holds mu.
func (h *health) started(a *assigned) {
	delete(h.starting, a)
	h.begun = h.begun || len(h.starting) == 0
}

// A standing partition is assigned and not read.
type standing struct {
	cause error
	since time.Time
}

// stands notes why a partition is not read.
func (h *health) stands(a *assigned, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was, known := h.standing[a]
	if !known {
		was.since = time.Now()
	}
	h.standing[a] = standing{cause, was.since}
	h.started(a)
	h.reading.Failed(h.fetchErr())
}

// reads notes that a partition is read.
func (h *health) reads(a *assigned, p *partition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.standing, a)
	h.started(a)
	h.partitions = append(h.partitions, p)
}

// gaveUp notes that a partition is no longer read.
func (h *health) gaveUp(p *partition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.partitions = slices.DeleteFunc(slices.Clone(h.partitions), func(other *partition) bool { return other == p })
}

// cannotFetch notes that one of the partitions cannot be fetched.
func (h *health) cannotFetch() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.fetchErr(); err != nil {
		h.reading.Failed(err)
	}
}

// committed notes the result of a commit.
func (h *health) committed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commitErr = err
	if err != nil {
		h.commits.Failed(err)
	} else {
		h.commits.Recovered()
	}
}

// left notes that the session ended. The consumer still counts as ready for
// longestRebalance.
func (h *health) left() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.partitions, h.standing, h.idleSince = nil, nil, time.Now()
	h.stuckLogged = time.Time{}
}

// ready implements [Consumer.Ready].
func (h *health) ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.member {
		return fmt.Errorf("the consumer does not read: %w", h.cause)
	}
	if idle := time.Since(h.idleSince); !h.idleSince.IsZero() && idle > longestRebalance {
		return fmt.Errorf("the consumer does not read: it has been rejoining its group for %v",
			idle.Round(time.Second))
	}
	if len(h.starting) > 0 && (!h.begun || time.Since(h.startingAt) > longestRebalance) {
		return fmt.Errorf("the consumer is still looking where to begin with %d partitions", len(h.starting))
	}
	if err := h.fetchErr(); err != nil {
		return err
	}
	if err := h.heldErr(); err != nil {
		return err
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

// fetchErr returns nil, or an error that names the first partition that cannot be
// read, and how many there are. The caller holds mu.
func (h *health) fetchErr() error {
	var first error
	failing := len(h.standing)
	if failing > 0 {
		a := slices.MinFunc(slices.Collect(maps.Keys(h.standing)), func(a, b *assigned) int {
			return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.number, b.number))
		})
		s := h.standing[a]
		first = fmt.Errorf("partition %s/%d is not read since %s: %w", a.topic, a.number, s.since.UTC().Format(time.RFC3339), s.cause)
	}
	for _, p := range h.partitions {
		cause := p.failing.Load()
		if cause == nil {
			continue
		}
		if failing++; first == nil {
			first = fmt.Errorf("partition %s/%d cannot be fetched: %s", p.topic, p.number, *cause)
		}
	}
	if failing > 1 {
		return fmt.Errorf("%w (%d partitions in all)", first, failing)
	}
	return first
}

// heldErr returns nil, or an error that names a partition that is read no further. The
// caller holds mu.
func (h *health) heldErr() error {
	for _, p := range h.partitions {
		if since, held := p.heldSince(); held && p.held.Load() && p.age() > 0 {
			return fmt.Errorf("partition %s/%d is read no further: the event at offset %d has held up its commits since %s."+
				" It goes on when that event is settled", p.topic, p.number, p.window.committable(), since.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// watch logs that an outage continues or is over. It is called at every commit interval
// of a session.
func (h *health) watch() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.fetchErr(); err != nil {
		h.reading.Failed(err)
	} else {
		h.reading.Recovered()
	}
	h.logStuck()
}

// logStuck logs when the oldest open event becomes too old, each minute while
// it is, and when it no longer is. The caller holds mu.
func (h *health) logStuck() {
	p, age := h.oldest()
	switch {
	case age <= h.stuckAfter:
		if !h.stuckLogged.IsZero() {
			h.log.Info("no partition is stuck any longer")
		}
		h.stuckLogged = time.Time{}
	case time.Since(h.stuckLogged) >= stuckReminder:
		h.log.Error("partition is stuck; /readyz says what it waits for", zap.String("topic", p.topic),
			zap.Int("partition", p.number), zap.Int64("offset", p.window.committable()), zap.Duration("age", age))
		h.stuckLogged = time.Now()
	}
}

// stuck names each partition whose oldest open message is too old.
func (h *health) stuck() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for _, p := range h.partitions {
		if age := p.age(); age > h.stuckAfter {
			lines = append(lines, fmt.Sprintf("%s, partition %d since %s: offset %d is open",
				p.topic, p.number, time.Now().Add(-age).UTC().Format(time.RFC3339), p.window.committable()))
		}
	}
	return lines
}

// oldest returns the partition whose commits have been held up longest, and for
// how long. The caller holds mu.
func (h *health) oldest() (*partition, time.Duration) {
	if len(h.partitions) == 0 {
		return nil, 0
	}
	p := slices.MaxFunc(h.partitions, func(a, b *partition) int { return cmp.Compare(a.age(), b.age()) })
	return p, p.age()
}
