package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Printable writes what could move a terminal's cursor, or tear a table, as Go
// would in quotes.
func Printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if unprintable(r) {
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// Counted is how many there are of what a noun means.
func Counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Dash stands in a table for what there is not.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
