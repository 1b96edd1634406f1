package rules

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/leadhook/leadhook/lead"
)

func (c *checker) authHeader(h *lead.Webhook) {
	if h.AuthHeader == "" {
		return
	}
	if h.Authorization == "" {
		c.add("auth_header", "auth_header names the header for authorization, which is missing")
	}
	c.headerName("auth_header", h.AuthHeader)
}

func (c *checker) headers(h *lead.Webhook) {
	if len(h.Headers) > MaxHeaders {
		c.add("headers", "headers has more than %d entries", MaxHeaders)
		return
	}
	if n := headerBytes(h); n > MaxHeaderBytes {
		c.add("headers", "headers has %d bytes of names and values, at most %d are allowed", n, MaxHeaderBytes)
	}
	seen := make(map[string]bool, len(h.Headers)+1)
	if h.Authorization != "" {
		seen[nameAsRead(authHeader(h))] = true
	}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		field := "headers/" + name
		c.line(field, h.Headers[name].Reveal())
		if !c.headerName(field, name) {
			continue
		}
		read := nameAsRead(name)
		if seen[read] && read == nameAsRead(authHeader(h)) {
			c.add(field, "header %s is the one that authorization is sent in", name)
		} else if seen[read] {
			c.add(field, "header %s is given twice: names are alike in any case, and with _ in place of -", name)
		}
		seen[read] = true
	}
}

func authHeader(h *lead.Webhook) string {
	if h.AuthHeader != "" {
		return h.AuthHeader
	}
	return "Authorization"
}

func (c *checker) headerName(field, name string) bool {
	if len(name) > maxWebhookID || !httpguts.ValidHeaderFieldName(name) {
		c.add(field, "%s is not a header name (letters, digits and hyphens)", strings.Replace(field, "headers/", "header ", 1))
		return false
	}
	if reserved(name) {
		c.add(field, "header %s is reserved: leadhook or HTTP itself sets it", name)
		return false
	}
	return true
}

// reservedHeaders would break the exchange, or what leadhook promises about it.
// If a POST has one of the idempotency keys, net/http assumes that it may be repeated
// and silently sends it again. With Expect, the body waits for an answer before the
// answer; Range is for what is not a POST.
var reservedHeaders = []string{
	"Connection", "Http2-Settings", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", // hop-by-hop: RFC 9110 §7.6.1
	"Host", "Expect", "Range", "User-Agent", "Accept-Encoding", "Traceparent",
	"Idempotency-Key", "X-Idempotency-Key",
}

// reservedPrefixes are like reservedHeaders. Proxies treat Proxy-… as hop-by-hop.
var reservedPrefixes = []string{"Content-", "Proxy-", "Webhook-"}

func reserved(name string) bool {
	name = nameAsRead(name)
	return slices.Contains(reservedHeaders, name) ||
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// nameAsRead returns a header's name in the one form of all that a receiver may read
// alike: in any case, and with underscores in place of hyphens, since CGI and what is
// modelled on it (RFC 3875 §4.1.18) turn hyphens into underscores.
func nameAsRead(name string) string {
	return textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

func headerBytes(h *lead.Webhook) int {
	n := 0
	for name, value := range h.Headers {
		n += len(name) + len(value)
	}
	return n
}
