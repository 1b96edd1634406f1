package lead

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// CheckHost returns why a webhook's URL must not have a host, or nil if it may. It takes
// what [net/url.URL.Hostname] returns: unescaped, without brackets and port. The error
// continues the sentence "the URL has …".
//
// What it accepts means the same to everything that may read the URL on its way: the
// judgement of addresses, the resolver, a proxy, a browser. Where Unicode is folded, or
// 127.1 and 0x7f.1 are addresses (as in the WHATWG's URL standard and in inet_aton), an
// address could otherwise look like a name. So the last label of a name is no number, as
// that standard has it, and an address has its usual form.
func CheckHost(host string) error {
	const (
		maxName  = 253 // characters; RFC 1035 §2.3.4
		maxLabel = 63
	)
	switch {
	case host == "":
		return errors.New("no host name")
	case !isASCII(host):
		return errors.New("a host name that is not plain ASCII: write it in its xn-- form")
	case strings.Contains(host, ":"):
		return checkIPv6(host)
	case endsInNumber(host):
		if _, err := netip.ParseAddr(host); err != nil {
			return errors.New("a host that ends in a number and is not an IPv4 address: that is four decimal numbers with dots between them")
		}
		return nil
	}
	name := strings.TrimSuffix(host, ".")
	if len(name) > maxName {
		return errors.New("a host name of more than 253 characters")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || strings.ContainsFunc(label, notOfName) {
			return errors.New("a host name that is not letters, digits and hyphens, in parts of 1 to 63 with dots between them")
		}
	}
	return nil
}

// checkIPv6 also refuses zones: a zone is the name of an interface, which another
// machine, or a proxy, does not have.
func checkIPv6(host string) error {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return errors.New("a host that is not an IPv6 address")
	case addr.Zone() != "":
		return errors.New("an IPv6 address with a zone (%), which has a meaning on one machine alone")
	}
	return nil
}

// endsInNumber reports whether the last label is a number by the rules of the WHATWG's
// URL standard, which then reads the host as an IPv4 address. It ignores a dot at the end,
// as that does.
func endsInNumber(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last := host[strings.LastIndexByte(host, '.')+1:]
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		last, digits = "0"+hex, "0123456789abcdef"
	}
	return last != "" && strings.Trim(last, digits) == ""
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// notOfName reports whether a label cannot have the character. Underscores are not
// allowed in the names of hosts, but there are some that have them.
func notOfName(r rune) bool {
	lower := r | 0x20
	return (lower < 'a' || lower > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
