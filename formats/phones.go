package formats

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A phone is a number of a customer, with its type in ADF.
type phone struct{ number, kind string }

// phones returns the numbers of a customer as they were given, the best first and
// without duplicates: a caller's number is usually one of the contact's too.
func phones(contact, call object) []phone {
	var list []phone
	seen := map[string]bool{}
	for _, p := range [...]phone{
		{contact.text("phone_mobile"), "cellphone"},
		{contact.text("phone_home"), "voice"},
		{contact.text("phone_work"), "voice"},
		{call.text("caller_number"), "voice"},
		{contact.text("phone_fax"), "fax"},
	} {
		key := subscriber(p.number)
		if key == "" || seen[key] {
			continue
		}
		seen[key] = true
		list = append(list, p)
	}
	return list
}

// subscriber returns what all spellings of a number have in common: the last ten
// digits before an extension. It returns "" for a text without digits, which is
// not a number.
func subscriber(number string) string {
	const significant = 10
	var digits []rune
	rest := withoutExtension(number)
	for rest != "" && len(digits) < significant {
		r, size := utf8.DecodeLastRuneInString(rest)
		rest = rest[:len(rest)-size]
		if unicode.IsDigit(r) {
			digits = append(digits, r)
		}
	}
	slices.Reverse(digits)
	return string(digits)
}

// withoutExtension removes an extension such as "x881" or "ext. 9" from a number.
// The word must be between two groups of digits, since vanity numbers have letters
// too. The group before it must not be the shorter one: "#31#" is a prefix that
// callers dial to stay anonymous.
func withoutExtension(number string) string {
	last := strings.TrimRightFunc(number, func(r rune) bool { return !unicode.IsDigit(r) })
	rest := strings.TrimRightFunc(last, unicode.IsDigit)
	extension := utf8.RuneCountInString(last[len(rest):])
	rest = strings.ToLower(strings.TrimRight(rest, " .:="))
	for _, word := range [...]string{"extension", "extn", "ext", "x", "#"} {
		if before, ok := strings.CutSuffix(rest, word); ok && digitsIn(before) >= extension {
			return before
		}
	}
	return number
}

func digitsIn(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}
