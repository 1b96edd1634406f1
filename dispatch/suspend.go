package dispatch

import (
	"sync/atomic"
	"time"
)

// A suspendDetector notices that the process was suspended and goes on (SIGSTOP,
// a machine that slept): its partitions may meanwhile belong to another instance,
// which may be making the same attempts at this moment, before the ledger can
// know of them.
type suspendDetector struct {
	every  time.Duration
	ticked atomic.Int64 // time of the last tick, in nanoseconds since began
	until  atomic.Int64 // until when the process counts as just resumed, likewise
	began  time.Time
	timer  *time.Timer
	ended  atomic.Bool
}

const (
	// ticksMissing is the number of ticks that a suspended process has missed.
	ticksMissing = 4

	// afterwards is how long the consumer may take to find out that it is no
	// longer a member of its group: two heartbeats, and some.
	afterwards = 3 * time.Second

	// afterResume is how long a delivery is deferred if its attempt would begin
	// just after the process resumed.
	afterResume = 10 * time.Second
)

// newSuspendDetector notices suspensions of longer than d.
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

// resumed reports whether the process was suspended until a moment ago.
func (s *suspendDetector) resumed() bool {
	now := int64(time.Since(s.began))
	if now-s.ticked.Load() > int64(ticksMissing*s.every) {
		s.until.Store(now + int64(afterwards))
	}
	return now < s.until.Load()
}

func (s *suspendDetector) stop() {
	s.ended.Store(true)
	s.timer.Stop()
}
