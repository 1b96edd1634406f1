package dispatch

import (
	"sync/atomic"
	"time"
)

// A suspendDetector notices that the process was suspended and resumed (SIGSTOP, a
// machine that slept). Its partitions may now belong to another instance, which may
// be making the same attempts at this moment, before they are in the ledger.
type suspendDetector struct {
	every  time.Duration // between two ticks
	ticked atomic.Int64  // time of the last tick, in nanoseconds since began
	until  atomic.Int64  // until when the process counts as just resumed, in the same unit
	began  time.Time
	timer  *time.Timer
	ended  atomic.Bool
}

const (
	// ticksMissing is how many ticks must be missing to show that the process was
	// suspended.
	ticksMissing = 4

	// justResumed is how long after a suspension the process counts as just
	// resumed: the consumer may take two heartbeats, and a little more, to find
	// out that it is no longer a member of its group.
	justResumed = 3 * time.Second

	// afterResume is how long a delivery is deferred if its attempt would begin
	// just after the process resumed.
	afterResume = 10 * time.Second
)

// newSuspendDetector returns a detector of suspensions of longer than d, which the
// caller must stop.
func newSuspendDetector(d time.Duration) *suspendDetector {
	s := &suspendDetector{every: d / ticksMissing, began: time.Now()}
	s.timer = time.AfterFunc(time.Hour, s.tick)
	s.timer.Reset(s.every) // tick needs the timer
	return s
}

func (s *suspendDetector) tick() {
	s.resumed()
	s.ticked.Store(int64(time.Since(s.began)))
	if !s.ended.Load() {
		s.timer.Reset(s.every)
	}
}

// resumed reports whether the process counts as just resumed.
func (s *suspendDetector) resumed() bool {
	now := int64(time.Since(s.began))
	if now-s.ticked.Load() > int64(ticksMissing*s.every) {
		s.until.Store(now + int64(justResumed))
	}
	return now < s.until.Load()
}

func (s *suspendDetector) stop() {
	s.ended.Store(true)
	s.timer.Stop()
}
