package wait

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// reminder is how often the log says that an outage is still going on.
const reminder = time.Minute

// An Outage logs that something does not work: one line when that begins, one
// each minute while it lasts, and one when it is over. However many
// goroutines wait for the same thing, and however often they retry, there are no
// more lines than that. It is safe for concurrent use. It starts no goroutine, so
// a reminder is logged only by a call of [Outage.Failed].
type Outage struct {
	log      *zap.Logger
	level    zapcore.Level
	down, up string
	fields   []zap.Field // in every line

	mu    sync.Mutex
	since time.Time // guarded by mu; zero: it works
	said  time.Time // guarded by mu; when the last line about the outage was logged
}

// NewOutage returns an Outage that logs the message down at the given level
// while the outage lasts, and up at info when it is over. The fields are in
// every line.
func NewOutage(log *zap.Logger, level zapcore.Level, down, up string, fields ...zap.Field) *Outage {
	return &Outage{log: log, level: level, down: down, up: up, fields: fields}
}

// Failed notes that it does not work, and why. Call it after each failed try: the
// first begins the outage.
func (o *Outage) Failed(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	switch {
	case o.since.IsZero():
		o.since = now
		o.write(o.level, o.down, zap.Error(cause))
	case now.Sub(o.said) >= reminder:
		o.write(o.level, o.down, zap.Duration("lasting", now.Sub(o.since).Round(time.Second)), zap.Error(cause))
	default:
		return
	}
	o.said = now
}

// Recovered notes that it works. It does nothing if there is no outage.
func (o *Outage) Recovered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return
	}
	o.write(zapcore.InfoLevel, o.up, zap.Duration("lasted", time.Since(o.since).Round(time.Millisecond)))
	o.since, o.said = time.Time{}, time.Time{}
}

// Forget ends the outage without a line: no caller waits any longer, so it is
// unknown whether it works again.
func (o *Outage) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.said = time.Time{}, time.Time{}
}

func (o *Outage) write(level zapcore.Level, message string, fields ...zap.Field) {
	if entry := o.log.Check(level, message); entry != nil {
		entry.Write(append(fields, o.fields...)...)
	}
}
