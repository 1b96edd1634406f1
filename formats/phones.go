package formats

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A phone is one number of a customer, with ADF's word for what it reaches.
type phone struct{ number, reaches string }

// phones are the numbers of a customer as they were given, best first, each
// once: the caller's number is mostly one of the contact's as well.
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

// subscriber is what two spellings of one number have in common: the last ten
// digits before an extension. Without digits it is no number.
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

// withoutExtension cuts off what follows a number to reach one desk: "x881",
// "ext. 9". Such a word must come between two groups of digits: vanity numbers
// have letters, too. And the number is the longer one of the two: "#31#" is what
// a caller dials first to stay anonymous.
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
