package config

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseDuration is like [time.ParseDuration], but also accepts whole days, first.
func parseDuration(s string) (time.Duration, error) {
	const longest = 100 * 365 // days; a time.Duration ends at 292 years
	wrong := fmt.Errorf("%q is not a duration: want one such as 10s, 1h30m or 7d", s)
	if _, err := strconv.Atoi(s); err == nil && s != "0" {
		return 0, fmt.Errorf("%q has no unit: write %ss for seconds", s, s)
	}
	if strings.ContainsAny(s, "+-") {
		return 0, wrong
	}
	days, rest := 0, s
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.Atoi(before)
		if err != nil || n > longest {
			return 0, wrong
		}
		days, rest = n, cmp.Or(after, "0")
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d > longest*24*time.Hour {
		return 0, wrong
	}
	return time.Duration(days)*24*time.Hour + d, nil
}

func showDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// units of sizes, each group from large to small.
var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

func parseSize(s string) (int, error) {
	digits, factor := s, 1
	for _, u := range units {
		if n := len(s) - len(u.name); n > 0 && strings.EqualFold(s[n:], u.name) {
			digits, factor = strings.TrimSpace(s[:n]), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, strconv.IntSize-1)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size: want one such as 64KiB, 10MB or, in bytes, 4096", s)
	}
	if got := int(n) * factor; got/factor == int(n) {
		return got, nil
	}
	return 0, fmt.Errorf("%q is more bytes than can be counted", s)
}

func showSize(n int) string {
	for _, u := range units {
		if n >= u.bytes && n%u.bytes == 0 && u.bytes > 1 {
			return strconv.Itoa(n/u.bytes) + u.name
		}
	}
	return strconv.Itoa(n)
}
