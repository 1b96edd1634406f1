package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Printable returns s with Go's escape sequences in place of characters that
// could move a terminal's cursor or break a table.
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

// Counted returns n with a noun, in the plural unless n is 1: "2 webhooks".
func Counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Number returns n as text, or "" for zero, which means that it does not apply.
func Number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Dash returns s, or a dash if s is empty, for a cell of a table.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
