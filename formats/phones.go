package formats

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A phone is a number of a customer, with its type in ADF.
type phone struct{ number, kind, subscriber string }

// phones are the numbers of a customer as they were given, the best first and without
// duplicates: a caller's number is usually one of the contact's too.
type phones struct {
	list      []phone
	anonymous []string // what stands for the number of a caller who hides it
}

// readPhones returns the numbers of the contact and of the call; where these have none that
// somebody can answer, those of the form.
func readPhones(contact, call object, fields *formFields) *phones {
	p := &phones{}
	p.add(contact.text("phone_mobile"), "cellphone")
	p.add(contact.text("phone_home"), "voice")
	p.add(contact.text("phone_work"), "voice")
	p.add(call.text("caller_number"), "voice")
	if len(p.list) == 0 {
		p.add(fields.text(mobilePhone), "cellphone")
		p.add(fields.text(otherPhone), "voice")
		p.add(fields.text(homePhone), "voice")
		p.add(fields.text(workPhone), "voice")
	}
	answered := len(p.list)
	p.add(contact.text("phone_fax"), "fax")
	if len(p.list) == answered {
		p.add(fields.text(faxNumber), "fax")
	}
	return p
}

// add takes a number, unless it has no digits or is there already.
func (p *phones) add(number, kind string) {
	if number == "" {
		return
	}
	if isAnonymous(number) {
		if !slices.Contains(p.anonymous, number) {
			p.anonymous = append(p.anonymous, number)
		}
		return
	}
	key := subscriber(number)
	if key == "" || slices.ContainsFunc(p.list, func(other phone) bool { return other.subscriber == key }) {
		return
	}
	p.list = append(p.list, phone{number, kind, key})
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
