package formats

import (
	"slices"
	"strings"
)

// anonymousWords are in what a network or a telephone system gives for the number of a
// caller who hides it.
var anonymousWords = [...]string{
	"anonymous", "restricted", "private", "unavailable", "unknown", "blocked", "withheld", "hidden", "undisclosed",
	"suppressed", "not available", "no caller id", "out of area",
}

// anonymousNumbers are such words as they are dialled on a keypad, which is how Twilio and
// others give them: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE, PRIVATE. Those
// that could be somebody's number without the plus have it.
var anonymousNumbers = [...]string{
	"266696687", "+266696687", "+1266696687", "+7378742833", "+2562533", "+8656696",
	"86282452253", "+86282452253", "+7748283",
}

// isAnonymous reports whether a number stands for the one of a caller who hides it.
func isAnonymous(number string) bool {
	const longest = 100
	if len(number) > longest {
		return false
	}
	digits := digitsIn(number)
	if lower := strings.ToLower(number); digits == 0 || strings.Contains(lower, anonymousWords[0]) { // such as anonymous@192.0.2.1
		return slices.ContainsFunc(anonymousWords[:], func(word string) bool { return strings.Contains(lower, word) })
	}
	return slices.Contains(anonymousNumbers[:], number) || zeros(number) == digits
}

// zeros counts the digits of a number that are 0, after the 1 that North America begins
// with.
func zeros(number string) int {
	n := strings.Count(number, "0")
	if strings.HasPrefix(strings.TrimPrefix(number, "+"), "1") && n >= 10 {
		n++
	}
	return n
}
