package rules

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// url accepts what can be sent byte for byte: net/http escapes a path that RFC
// 3986 does not allow as it is, and a fragment is never sent.
func (c *checker) url(raw string) {
	if !c.required("url", raw, maxText) {
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		c.add("url", "url cannot be read as a URL: want one such as https://crm.example.com/leads")
		return
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		c.add("url", "url must begin with https://")
		return
	}
	host := lead.CheckHost(u.Hostname())
	if host != nil {
		c.add("url", "url has %v", host)
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			c.add("url", "url has a port that is not one of 1 to 65535")
		}
	}
	if u.User != nil {
		c.add("url", "url has user info (user:password@): use authorization instead")
	}
	if strings.Contains(raw, "#") {
		c.add("url", "url has a fragment (#...), which is never sent")
	}
	unwritten := strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' }) || !sentAsWritten(raw, u)
	if unwritten && host == nil { // it may be the host that has them
		c.add("url", "url has characters that must be percent-encoded")
	}
}

// sentAsWritten reports whether the request line will have exactly what raw has after
// the host. An empty path is sent as "/", as RFC 9112 §3.2.1 demands.
func sentAsWritten(raw string, u *url.URL) bool {
	raw, _, _ = strings.Cut(raw, "#")
	_, rest, _ := strings.Cut(raw, "://")
	start := strings.IndexAny(rest, "/?")
	if start < 0 {
		return true
	}
	rest = rest[start:]
	return strings.TrimPrefix(u.RequestURI(), "/") == strings.TrimPrefix(rest, "/")
}
