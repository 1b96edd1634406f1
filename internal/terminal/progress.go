package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Progress shows on a terminal how far a long command has come, in a line on
// standard error that is rewritten, and cleared at the end. Without a terminal it
// shows nothing. It is not safe for concurrent use.
type Progress struct {
	out   io.Writer // nil: not a terminal
	of    int
	began time.Time
	next  time.Time
}

// NewProgress begins. of is the total, or zero if it is unknown.
func NewProgress(t *Terminal, of int) *Progress {
	now := time.Now()
	p := &Progress{of: of, began: now, next: now.Add(time.Second)}
	if IsTerminal(t.Stderr) {
		p.out = t.Stderr
	}
	return p
}

// At sets how many are done. It may be called at any rate: nothing is shown within
// the first second, and at most five times a second later.
func (p *Progress) At(done int) {
	now := time.Now()
	if p.out == nil || now.Before(p.next) {
		return
	}
	p.next = now.Add(200 * time.Millisecond)
	fmt.Fprintf(p.out, "\r%s\x1b[K", progressLine(done, p.of, now.Sub(p.began)))
}

// End clears the line. It may be called twice.
func (p *Progress) End() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.out = nil
	}
}

func progressLine(done, of int, took time.Duration) string {
	const width = 20
	rate := float64(done) / took.Seconds()
	if of == 0 {
		return fmt.Sprintf("%d, %.0f/s", done, rate)
	}
	full := min(width*done/of, width)
	line := fmt.Sprintf("[%s%s] %d of %d, %.0f/s", strings.Repeat("#", full), strings.Repeat(".", width-full), done, of, rate)
	if done > 0 {
		left := time.Duration(float64(max(of-done, 0)) / rate * float64(time.Second))
		line += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return line
}
