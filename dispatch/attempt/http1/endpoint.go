package http1

import (
	"net"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"
)

// An endpoint is where a connection goes, whether with TLS, and who shares it. The
// zero value is no endpoint.
type endpoint struct {
	secure  bool
	address string // host:port
	group   string // of the templates whose requests it carries
}

// server returns what is the same for all groups.
func (e endpoint) server() endpoint {
	e.group = ""
	return e
}

// endpointOf reads a URL. It returns no endpoint for what only net/http handles:
// a name that is not ASCII, an IPv6 address with a zone, another scheme.
func endpointOf(u *url.URL, group string) endpoint {
	host, secure := u.Hostname(), u.Scheme == "https"
	switch {
	case host == "", strings.ContainsFunc(host, notASCIIOrZone), !secure && u.Scheme != "http":
		return endpoint{}
	case u.Port() != "":
		return endpoint{secure, u.Host, group}
	case secure:
		return endpoint{secure, net.JoinHostPort(host, "443"), group}
	}
	return endpoint{secure, net.JoinHostPort(host, "80"), group}
}

func notASCIIOrZone(c rune) bool { return c >= utf8.RuneSelf || c == '%' }

// endpoints is a set of endpoints, and safe for concurrent use.
type endpoints struct {
	mu  sync.RWMutex
	set map[endpoint]struct{} // guarded by mu; at most maxEndpoints
}

const maxEndpoints = 8192

func (e *endpoints) has(to endpoint) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, ok := e.set[to]
	return ok
}

func (e *endpoints) remove(to endpoint) {
	if !e.has(to) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.set, to)
}

// add adds an endpoint. A full set is emptied first: learning an endpoint again
// costs one request.
func (e *endpoints) add(to endpoint) {
	if e.has(to) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.set == nil || len(e.set) >= maxEndpoints {
		e.set = make(map[endpoint]struct{})
	}
	e.set[to] = struct{}{}
}
