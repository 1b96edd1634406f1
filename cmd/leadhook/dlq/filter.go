package dlq

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
)

// letterFlags select dead letters by their properties. Embed it in the command.
type letterFlags struct {
	cli.DeliveryFlags

	Reason []lead.Reason `placeholder:"REASON" help:"Only those with one of these reasons: refused, exhausted, …"`
}

// spanFlags select dead letters by when they became dead letters. Embed it in the
// command.
type spanFlags struct {
	Since moment `placeholder:"WHEN" help:"Only what became a dead letter then or later: 2h (ago), 7d, 2026-11-23, 2026-11-23T16:12, or with seconds and zone."`
	Until moment `placeholder:"WHEN" help:"Only what became one before."`
}

func (f letterFlags) filter(span spanFlags) (deadletter.Filter, error) {
	for _, r := range f.Reason {
		if !slices.Contains(lead.Reasons(), r) {
			return deadletter.Filter{}, &terminal.UsageError{Err: fmt.Errorf("--reason: there is no reason %q; there are %s", r, reasonNames())}
		}
	}
	if !span.Until.IsZero() && !span.Since.Before(span.Until.Time) {
		return deadletter.Filter{}, &terminal.UsageError{Err: errors.New("--until must be later than --since")}
	}
	all := f.Filter()
	all.Reasons, all.Since, all.Until = f.Reason, span.Since.Time, span.Until.Time
	return all, nil
}

func reasonNames() string {
	var names []string
	for _, r := range lead.Reasons() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// any reports whether at least one flag is set.
func (f letterFlags) any(span spanFlags) bool {
	return f.Any() || len(f.Reason) > 0 ||
		!span.Since.IsZero() || !span.Until.IsZero()
}

// A moment is a time as a person types it: how long ago, a date, or a date and
// time, in the zone of this machine unless one is given. The zero value means none.
type moment struct{ time.Time }

// UnmarshalText parses the value of a flag or argument.
func (m *moment) UnmarshalText(text []byte) error {
	typed := string(text)
	if ago, err := parseAgo(typed); err == nil && ago > 0 {
		m.Time = time.Now().Add(-ago)
		return nil
	}
	for _, layout := range []string{
		time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateTime, time.RFC3339Nano,
	} {
		t, err := time.ParseInLocation(layout, typed, time.Local)
		if err == nil {
			m.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is not a time: want how long ago, like 90m, 2h or 7d, or a date, like 2026-11-23 or 2026-11-23T16:12", text)
}

// parseAgo parses a duration, which may be in days.
func parseAgo(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// A letterAt names a dead letter as a person types it: by its position, 3/17, or
// by its delivery, dlv_….
type letterAt struct {
	partition int
	offset    int64
	delivery  string // if empty, the position counts
}

// UnmarshalText parses the value of a flag or argument.
func (l *letterAt) UnmarshalText(text []byte) error {
	typed := string(text)
	if strings.HasPrefix(typed, "dlv_") {
		l.delivery = typed
		return nil
	}
	partition, offset, _ := strings.Cut(typed, "/")
	p, err1 := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	if err1 != nil || err2 != nil || p < 0 || o < 0 {
		return fmt.Errorf("%q is not a dead letter: want PARTITION/OFFSET, like 3/17, or a delivery's id, like dlv_98a1…", text)
	}
	l.partition, l.offset = int(p), o
	return nil
}

func (l *letterAt) String() string {
	if l.delivery != "" {
		return l.delivery
	}
	return fmt.Sprintf("%d/%d", l.partition, l.offset)
}
