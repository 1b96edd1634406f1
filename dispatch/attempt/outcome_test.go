package attempt

import (
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 16, 12, 9, 0, time.UTC)
	for _, c := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false}, {"soon", 0, false}, {"-1", 0, false}, {"+3", 0, false}, {".5", 0, false}, {"1.5s", 0, false},
		{"1.2.3", 0, false}, {"1,5", 0, false}, {"1e3", 0, false}, {"1.5", 2 * time.Second, true}, {"20.5", 21 * time.Second, true}, {"20.000001", 21 * time.Second, true},
		{"20.0", 20 * time.Second, true}, {"20.", 20 * time.Second, true}, {"0.1", time.Second, true}, {"86399.5", 24 * time.Hour, true}, {"86400.5", 24 * time.Hour, true},
		{"0", 0, true}, {"120", 2 * time.Minute, true}, {" 7 ", 7 * time.Second, true},
		{"86400", 24 * time.Hour, true}, {"86401", 24 * time.Hour, true},
		{strings.Repeat("9", 40), 24 * time.Hour, true},
		{"1795450389", time.Minute, true}, {"1795450389000", time.Minute, true}, {"1795450389500", time.Minute + 500*time.Millisecond, true},
		{"1795450269", 0, true}, {"1577836799", 24 * time.Hour, true}, {"4102444800", 24 * time.Hour, true}, {"4102444799", 24 * time.Hour, true},
		{"Mon, 23 Nov 2026 16:13:09 GMT", time.Minute, true},
		{"Monday, 23-Nov-26 16:13:09 GMT", time.Minute, true},
		{"Mon Nov 23 16:13:09 2026", time.Minute, true},
		{"Mon, 23 Nov 2026 17:13:09 +0100", time.Minute, true}, {"2026-11-23T16:13:09.000Z", time.Minute, true}, {"2026-11-23T17:13:09+01:00", time.Minute, true},
		{"Mon, 23 Nov 2026 16:12:08 GMT", 0, true},
		{"Mon, 23 Nov 2099 16:12:08 GMT", 24 * time.Hour, true},
	} {
		got, ok := retryAfter(c.value, now)
		if got != c.want || ok != c.ok {
			t.Errorf("%q: got %v, %v, want %v, %v", c.value, got, ok, c.want, c.ok)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 11, 23, 16, 12, 9, 0, time.UTC)
	for _, seed := range []string{"", "0", "120", "99999999999999999999", "Mon, 23 Nov 2026 16:13:09 GMT", "soon", "-5", "20.5", "1.2.3", "86399.9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		pause, ok := retryAfter(value, now)
		if pause < 0 || pause > 24*time.Hour || !ok && pause != 0 {
			t.Errorf("%q: got %v, %v, want at most a day, and nothing of what cannot be read", value, pause, ok)
		}
	})
}
