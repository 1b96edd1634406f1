package config

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// hostPorts returns the value of one or more addresses to connect to.
func hostPorts(field *[]string, usualPort int) value {
	return list(field, "host:port", func(s string) (string, error) { return hostPort(s, usualPort) }, asIs, 1)
}

// hostPort checks an address to connect to, and returns it.
func hostPort(s string, usualPort int) (string, error) {
	host, port, err := net.SplitHostPort(s)
	switch {
	case strings.Contains(s, "@"): // not quoted, since there may be a password in front of it
		return "", errors.New("an address must not have a user or a password: there are settings for them")
	case err != nil && !strings.Contains(s, ":"):
		return "", fmt.Errorf("%q has no port: for the usual one write %s:%d", s, s, usualPort)
	case err != nil || host == "" || strings.ContainsAny(host, " /"):
		return "", fmt.Errorf("%q is not host:port", s)
	}
	if _, err := parsePort(port); err != nil {
		return "", err
	}
	return s, nil
}

// listen returns the value of an address to listen on.
func listen(field *string) value {
	return of(field, "host:port", func(s string) (string, error) {
		_, port, err := net.SplitHostPort(s)
		if err != nil {
			return "", fmt.Errorf("%q is not host:port", s)
		}
		if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
			return "", fmt.Errorf("port %q is not a number up to 65535", port)
		}
		return s, nil
	}, asIs)
}

// listenOrNot is like listen, but the address may be empty.
func listenOrNot(field *string) value {
	v := listen(field)
	address := v.set
	v.kind += ", or empty"
	v.set = func(s string) (string, error) {
		if s == "" {
			*field = ""
			return "", nil
		}
		return address(s)
	}
	return v
}

func ports(field *[]int) value { return list(field, "port", parsePort, strconv.Itoa, 0) }

func parsePort(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("port %q is not a number from 1 to 65535", s)
	}
	return n, nil
}

func prefixes(field *[]netip.Prefix) value {
	return list(field, "CIDR", parsePrefix, netip.Prefix.String, 0)
}

// parsePrefix parses a network, or a single address as a network of one. It
// refuses a network with host bits: with 10.1.2.3/8, not all of 10.0.0.0/8 may be
// meant.
func parsePrefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is not a network such as 10.1.0.0/16 or fd00::/8", s)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%s is an address in a network: write %s for the network, %s for the address",
			s, p.Masked(), p.Addr())
	}
	return p, nil
}

// list returns the value of a list with at least so many elements.
func list[T any](field *[]T, kind string, parse func(string) (T, error), show func(T) string, least int) value {
	v := of(field, "list of "+kind, func(s string) ([]T, error) {
		var all []T
		var faults []error
		for part := range elements(s) {
			one, err := parse(part)
			if err != nil {
				faults = append(faults, err)
			}
			all = append(all, one)
		}
		if len(all) < least {
			return nil, errors.New("must not be empty")
		}
		return all, errors.Join(faults...)
	}, func(all []T) string {
		shown := make([]string, len(all))
		for i, one := range all {
			shown[i] = show(one)
		}
		return strings.Join(shown, ",")
	})
	v.list = true
	return v
}

// elements returns the elements of a list, of which none is empty.
func elements(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(list, ",") {
			if part = strings.TrimSpace(part); part != "" && !yield(part) {
				return
			}
		}
	}
}

// ProxyURL returns Proxy as a URL, or nil if it is empty.
func (h HTTP) ProxyURL() *url.URL {
	if h.Proxy == "" {
		return nil
	}
	u, _ := parseProxy(h.Proxy.Reveal()) // Load has checked it
	return u
}

func proxy(field *lead.Secret) value {
	v := of(field, "URL (http, https or socks5), or empty", func(s string) (lead.Secret, error) {
		if s == "" {
			return "", nil
		}
		_, err := parseProxy(s)
		return lead.Secret(s), err
	}, func(s lead.Secret) string {
		if s == "" {
			return ""
		}
		u, _ := parseProxy(s.Reveal())
		return u.Scheme + "://" + maskedUser(u.User) + u.Host
	})
	v.secret = true
	return v
}

var errProxy = errors.New("not a proxy URL: want http, https or socks5://[user:password@]host:port" +
	" and nothing after it (@, / and : in a password are written %40, %2F and %3A)")

// parseProxy parses a proxy's URL. Its errors do not quote it, since it may contain
// a password.
func parseProxy(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Port() == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, errProxy
	}
	switch u.Scheme {
	case "http", "https", "socks5":
	default:
		return nil, errProxy
	}
	if isMask(u.User) {
		return nil, errMasked
	}
	return u, nil
}

// isMask reports whether the user or the password is the mask that is shown for
// one.
func isMask(u *url.Userinfo) bool {
	password, _ := u.Password()
	return u.Username() == masked || password == masked
}

// maskedUser returns the user info of a URL in a form that may be shown. It hides
// the user's name too, since some services have a token there.
func maskedUser(u *url.Userinfo) string {
	if u == nil {
		return ""
	}
	return masked + "@"
}
