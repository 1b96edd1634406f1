package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// A HostLimit is what a host takes from one instance, as far as the operator
// knows. A field that is zero is not known.
type HostLimit struct {
	Attempts int     // at the same time
	Rate     float64 // requests a second
}

const (
	hostLimitKind       = "host=attempts/requests-a-second"
	leastRate, mostRate = 0.001, 10_000
	usualPort           = "443"
)

// hostLimits returns the value of the limits by host. All its faults are found,
// since a list of hosts is long and written by hand.
func hostLimits(field *map[string]HostLimit) value {
	return value{kind: "list of " + hostLimitKind, list: true, set: func(text string) (string, error) {
		limits := map[string]HostLimit{}
		var shown []string
		var faults []error
		n := 0
		for part := range elements(text) {
			n++
			host, limit, err := parseHostLimit(part)
			if _, twice := limits[host]; err == nil && twice {
				err = fmt.Errorf("%s is given twice", showHost(host))
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("entry %d: %w", n, err))
				continue
			}
			limits[host] = limit
			shown = append(shown, showHost(host)+"="+limit.String())
		}
		if len(faults) > 0 {
			return "", errors.Join(faults...)
		}
		*field = limits
		return strings.Join(shown, ","), nil
	}}
}

// parseHostLimit parses an element of the list. Its error quotes nothing that
// may be part of a URL with a token in it.
func parseHostLimit(s string) (host string, limit HostLimit, err error) {
	name, numbers, ok := strings.Cut(s, "=")
	if host, err = parseHost(name); err != nil {
		return "", limit, err
	}
	attempts, rate, _ := strings.Cut(numbers, "/")
	if !ok || attempts == "" && rate == "" {
		return "", limit, fmt.Errorf("%s has no limit: want %s, such as %s=20/10, %s=20 or %s=/10",
			name, hostLimitKind, name, name, name)
	}
	if limit.Attempts, err = parseAttempts(attempts); err != nil {
		return "", limit, fmt.Errorf("%s: %w", name, err)
	}
	if limit.Rate, err = parseRate(rate); err != nil {
		return "", limit, fmt.Errorf("%s: %w", name, err)
	}
	return host, limit, nil
}

// parseAttempts returns zero for no text, as parseRate does.
func parseAttempts(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > mostInFlight {
		return 0, fmt.Errorf("%q attempts: want a whole number from 1 to %d", s, mostInFlight)
	}
	return n, nil
}

func parseRate(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	rate, err := strconv.ParseFloat(s, 64)
	if err == nil && rate >= leastRate && rate <= mostRate { // which NaN is not
		return rate, nil
	}
	return 0, fmt.Errorf("%q requests a second: want a number from %v to %v", s, leastRate, mostRate)
}

// String returns the limit as it is written in the list.
func (l HostLimit) String() string {
	var s string
	if l.Attempts > 0 {
		s = strconv.Itoa(l.Attempts)
	}
	if l.Rate > 0 {
		s += "/" + strconv.FormatFloat(l.Rate, 'f', -1, 64)
	}
	return s
}

// hostNames matches names that a webhook's URL may have, in lower case.
var hostNames = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// parseHost returns a host as host:port in lower case, with the port of https if
// there is none.
func parseHost(s string) (string, error) {
	if strings.ContainsAny(s, "/?#@") {
		return "", errors.New("want a host alone, such as crm.example.com or crm.example.com:8443: no https://, no user, no path")
	}
	u, err := url.Parse("https://" + s)
	if err != nil {
		return "", fmt.Errorf("%q is not a host", s)
	}
	port := usualPort
	if u.Port() != "" || strings.HasSuffix(u.Host, ":") {
		port = u.Port()
		if _, err := parsePort(port); err != nil {
			return "", fmt.Errorf("%q: %w", s, err)
		}
	}
	name := strings.ToLower(u.Hostname())
	if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
		return net.JoinHostPort(addr.String(), port), nil
	}
	if err := checkHostName(name); err != nil {
		return "", err
	}
	return net.JoinHostPort(name, port), nil
}

func checkHostName(name string) error {
	const longest = 253
	last := name[strings.LastIndexByte(name, '.')+1:]
	_, notNumber := strconv.Atoi(last)
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r > '~' }):
		ascii, _ := idna.Lookup.ToASCII(name)
		return fmt.Errorf("%q must be written in its xn-- form, as webhooks do: %s", name, ascii)
	case strings.Contains(name, "*"):
		return fmt.Errorf("%q has a *: each host must be named", name)
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("%q ends with a dot", name)
	case notNumber == nil:
		return fmt.Errorf("%q is not an address, and a host name does not end with a number", name)
	case len(name) > longest || !hostNames.MatchString(name):
		return fmt.Errorf("%q is not a host", name)
	}
	return nil
}

// showHost returns a host as it is usually written.
func showHost(host string) string { return strings.TrimSuffix(host, ":"+usualPort) }
