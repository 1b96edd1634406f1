package consumer

import (
	"sync"
	"time"
)

// A trail remembers when some of the lately read records were read and stamped, so that
// something is known of the record at any offset that is not committed yet.
type trail struct {
	mu     sync.Mutex
	steps  []step // guarded by mu, by offset; the first is older than what is not committed
	newest stamp  // guarded by mu: of all records; zero if not all of them were read
	whole  bool   // guarded by mu: all records from the log's first on were read

	// Records before doneTo may have been handled since done, before they were read here.
	// Both are set before the first is read.
	done   time.Time
	doneTo int64
}

// A stamp is a record with its timestamp.
type stamp struct {
	Offset int64     `json:"offset"`
	Time   time.Time `json:"time"`
}

// A step is a record that was read.
type step struct {
	offset  int64
	read    time.Time     // nothing behind it was handled before
	stamped time.Time     // by its timestamp, but not later than it was read
	behind  time.Duration // how long before it was read it was stamped
	newest  stamp         // of the records up to it, the one stamped latest
}

const (
	everyStep = 64          // so many steps are kept of every record,
	stepEvery = time.Second // and then one of those that are read, or stamped, within a second
	mostSteps = 512
)

// begin notes what was known of the records before the first that is read.
func (t *trail) begin(start int64, w *watermark, whole bool) {
	first := step{offset: start - 1, read: time.Now(), stamped: w.Time, behind: w.Behind, newest: w.Newest}
	t.done, t.doneTo = w.Held, w.HeldTo
	if !t.done.IsZero() {
		first.read = t.done
	}
	t.steps, t.newest, t.whole = []step{first}, w.Newest, whole
}

// latestYear is the last one that a watermark can hold: RFC 3339 has four digits.
const latestYear = 9999

// add notes a record that was read.
func (t *trail) add(offset int64, stamped time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if stamped.Year() > latestYear { // microseconds instead of milliseconds, for instance
		t.whole, t.newest = false, stamp{}
	}
	if t.whole && stamped.After(t.newest.Time) {
		t.newest = stamp{offset, stamped}
	}
	next := step{offset: offset, read: now, stamped: stamped, behind: max(0, now.Sub(stamped)), newest: t.newest}
	if stamped.After(now) {
		next.stamped = now
	}
	if offset < t.doneTo {
		next.read = t.done
	}
	if last := t.steps[len(t.steps)-1]; len(t.steps) < everyStep ||
		next.read.Sub(last.read) >= stepEvery || next.stamped.Sub(last.stamped).Abs() >= stepEvery {
		t.steps = append(t.steps, next)
	}
	if len(t.steps) > mostSteps {
		t.thin()
	}
}

// thin removes every second step.
func (t *trail) thin() {
	kept := t.steps[:1]
	for i := 2; i < len(t.steps); i += 2 {
		kept = append(kept, t.steps[i])
	}
	t.steps = kept
}

// before returns the last step before offset, up to which everything is settled, and
// forgets the steps before that one.
func (t *trail) before(offset int64) step {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.steps) > 1 && t.steps[1].offset < offset {
		t.steps = t.steps[1:]
	}
	return t.steps[0]
}

// readAt returns a time before which no record behind offset was handled.
func (t *trail) readAt(offset int64) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.steps[0].read
	for _, s := range t.steps[1:] {
		if s.offset > offset {
			break
		}
		at = s.read
	}
	return at
}
