package dispatch

import (
	"sync/atomic"
	"time"
)

// A pulse notices that the process was stopped and goes on (SIGSTOP, a machine
// that was suspended): its partitions may be somebody else's by now, who makes
// the same attempts just now, of which the ledger cannot know.
type pulse struct {
	every  time.Duration
	beaten atomic.Int64 // when it beat last, in nanoseconds since it began
	until  atomic.Int64 // until when the process counts as just resumed
	began  time.Time
	timer  *time.Timer
	ended  atomic.Bool
}

const (
	// beats is how many beats must be missing.
	beats = 4

	// afterwards is how long the consumer may take to find out that it is no
	// member of its group any more: two heartbeats, and some.
	afterwards = 3 * time.Second

	// afterResume is for how long a delivery is put off that would be attempted
	// just then.
	afterResume = 10 * time.Second
)

// newPulse notices stops of longer than d.
func newPulse(d time.Duration) *pulse {
	p := &pulse{every: d / beats, began: time.Now()}
	p.timer = time.AfterFunc(time.Hour, p.beat)
	p.timer.Reset(p.every) // beat needs the timer
	return p
}

func (p *pulse) beat() {
	p.resumed()
	p.beaten.Store(int64(time.Since(p.began)))
	if !p.ended.Load() {
		p.timer.Reset(p.every)
	}
}

// resumed says whether the process was stopped until a moment ago.
func (p *pulse) resumed() bool {
	now := int64(time.Since(p.began))
	if now-p.beaten.Load() > int64(beats*p.every) {
		p.until.Store(now + int64(afterwards))
	}
	return now < p.until.Load()
}

func (p *pulse) stop() {
	p.ended.Store(true)
	p.timer.Stop()
}
