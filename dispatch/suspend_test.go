package dispatch

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAStoppedProcessIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const d = 3 * time.Second
		p := newSuspendDetector(d)
		defer p.stop()
		time.Sleep(time.Minute + 100*time.Millisecond) // between two ticks
		if p.resumed() {
			t.Error("a process that runs counts as resumed")
		}
		p.timer.Stop() // as if the process was stopped …
		time.Sleep(d + time.Second)
		if !p.resumed() {
			t.Error("a process that was stopped was not noticed")
		}
		p.timer.Reset(p.every) // … and goes on
		time.Sleep(justResumed - time.Second)
		if !p.resumed() {
			t.Error("it counts as running although it may not know its partitions yet")
		}
		time.Sleep(2 * time.Second)
		if p.resumed() {
			t.Error("it counts as resumed for ever")
		}
	})
}
