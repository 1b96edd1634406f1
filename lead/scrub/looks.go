package scrub

import (
	"bytes"
	"net/netip"
	"regexp"
)

// hideAddresses hides what looks like an e-mail address.
func hideAddresses(f *forms, hidden []bool) {
	line := f.line.bytes
	for at := bytes.IndexByte(line, '@'); at >= 0; {
		begin, end := at, at+1
		if folded(line, at) { // "pat@ example.net"
			end++
		}
		for begin > 0 && isAddress(line[begin-1]) {
			begin--
		}
		for end < len(line) && isAddress(line[end]) {
			end++
		}
		if begin < at && isAddress(line[end-1]) && end > at+1 {
			f.line.hide(begin, end, hidden)
		}
		next := bytes.IndexByte(line[at+1:], '@')
		if next < 0 {
			return
		}
		at += 1 + next
	}
}

// folded reports whether the line ends after an @ and the next one begins with a domain name.
func folded(line []byte, at int) bool {
	rest, ok := bytes.CutPrefix(line[at+1:], []byte(" "))
	word, _, _ := bytes.Cut(rest[:min(len(rest), longestDomain)], []byte(" "))
	return ok && bytes.IndexByte(bytes.TrimRight(word, "."), '.') > 0
}

const longestDomain = 253 // bytes

// isAddress reports whether a byte may be part of an e-mail address, on either side.
func isAddress(c byte) bool {
	return isWord(c) || bytes.IndexByte([]byte(".%+'-!#$*/?^{|}~"), c) >= 0
}

func isWord(c byte) bool {
	return c >= 0x80 || c == '_' || isDigit(c) || 'a' <= c && c <= 'z'
}

// digitGroups are digits with what people write between those of a phone number.
var digitGroups = regexp.MustCompile(`[+(]*[0-9](?:[ ().\-/+_]{0,3}[0-9])*`)

// hidePhones hides what looks like a phone number, and what has one of the given last digits.
// In the id of a record, digits alone do not look like one.
func hidePhones(f *forms, hidden []bool, known set, isID bool) {
	line := f.line.bytes
	for _, at := range digitGroups.FindAllIndex(line, -1) {
		group := line[at[0]:at[1]]
		digits := digitsOf(group)
		if isKnown(digits, known) || isPhone(group, len(digits), isID) && !inWord(line, at[0], at[1], len(digits)) {
			f.line.hide(at[0], at[1], hidden)
		}
	}
}

func digitsOf(group []byte) []byte {
	digits := make([]byte, 0, len(group))
	for _, c := range group {
		if isDigit(c) {
			digits = append(digits, c)
		}
	}
	return digits
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isKnown reports whether one of the known numbers is among digits.
func isKnown(digits []byte, known set) bool {
	for i := range digits {
		for size := shortestText; size <= min(phoneEnd, len(digits)-i); size++ {
			if known.has(digits[i : i+size]) {
				return true
			}
		}
	}
	return false
}

const (
	fewestDigits = 7  // of a phone number with something between them, or a plus before
	fewestAlone  = 10 // of one that is digits alone
	mostAlone    = 13 // more are an id; so are fewer
)

var dateOrTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}([ ][0-9]{2})?$`)
var decimal = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// isPhone reports whether a group of so many digits looks like a phone number.
func isPhone(group []byte, digits int, isID bool) bool {
	switch _, err := netip.ParseAddr(string(group)); {
	case digits < fewestDigits, err == nil, dateOrTime.Match(group), decimal.Match(group):
		return false
	case isID:
		return bytes.ContainsAny(group, "+( ")
	case digits == len(group):
		return fewestAlone <= digits && digits <= mostAlone
	}
	return true
}

// inWord reports whether digits alone are part of a word, such as an id. An x may begin an
// extension.
func inWord(line []byte, begin, end, digits int) bool {
	return digits == end-begin &&
		(begin > 0 && isWord(line[begin-1]) || end < len(line) && isWord(line[end]) && line[end] != 'x')
}
