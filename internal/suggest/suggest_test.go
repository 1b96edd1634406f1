package suggest_test

import (
	"slices"
	"testing"

	"github.com/leadhook/leadhook/internal/suggest"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"format", "format", 0},
		{"fromat", "format", 2},
		{"formt", "format", 1},
		{"formats", "format", 1},
		{"kitten", "sitting", 3},
	} {
		if got := suggest.Distance(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"url", "rate", "date", "id"}
	for given, want := range map[string][]string{
		"ratr":   {"rate"},
		"gate":   {"date", "rate"}, // equally near
		"urlurl": nil,
		"xyz":    nil,
	} {
		got := suggest.Nearest(slices.Values(known), 2, func(name string) int { return suggest.Distance(given, name) })
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}
