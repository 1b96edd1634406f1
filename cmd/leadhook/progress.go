package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress shows on a terminal how far a long command is.
type progress struct {
	out  io.Writer // nil: not a terminal
	of   int
	next time.Time
}

func newProgress(w *world, of int) *progress {
	p := &progress{of: of, next: time.Now().Add(time.Second)}
	if isTerminal(w.stderr) {
		p.out = w.stderr
	}
	return p
}

func (p *progress) at(done int) {
	if p.out == nil || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(200 * time.Millisecond)
	fmt.Fprintf(p.out, "\r%d of %d", done, p.of)
}

// end clears the line. It may be called twice.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.out = nil
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
