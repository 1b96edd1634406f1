package dispatch

import (
	"fmt"
	"path"
	"runtime"
	"strings"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

// panicked logs a panic with its stack, and returns the text for the dead letter:
// the panic's type and place, but not its value, which may quote the lead.
func (d *Dispatcher) panicked(p any, m *lead.Message, fields ...zap.Field) string {
	text := fmt.Sprintf("handling it panicked (%T) at %s", p, panicPlace())
	d.log.Error("panic: this is a bug in leadhook, please report it", append(fields,
		zap.String("topic", m.Topic), zap.Int("partition", m.Partition), zap.Int64("offset", m.Offset),
		zap.String("error", text), zap.Stack("stack"))...)
	return text
}

// panicPlace returns the innermost function outside the runtime that was running
// when the panic began. It must be called while recovering.
func panicPlace() string {
	var room [64]uintptr
	frames := runtime.CallersFrames(room[:runtime.Callers(1, room[:])])
	panicking := false
	for {
		frame, more := frames.Next()
		ours := !strings.HasPrefix(frame.Function, "runtime.")
		if panicking && ours {
			return fmt.Sprintf("%s (%s:%d)", frame.Function, path.Base(frame.File), frame.Line)
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}
