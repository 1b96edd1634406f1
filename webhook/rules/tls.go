package rules

import (
	"mime"
	"strings"

	"github.com/leadhook/leadhook/dispatch/attempt/credentials"
	"github.com/leadhook/leadhook/lead"
)

// contentType accepts a media type with parameters (RFC 9110 §8.3.1).
func (c *checker) contentType(value string) {
	if value == "" || !c.line("content_type", value) {
		return
	}
	kind, _, err := mime.ParseMediaType(value)
	ascii := strings.IndexFunc(value, func(r rune) bool { return r > '~' }) < 0
	if err != nil || !ascii || !strings.Contains(kind, "/") {
		c.add("content_type", "content_type must be a media type, such as text/xml or application/json; charset=utf-8")
	}
}

// tls checks what a webhook brings for TLS. What is too large is a fault anyway, and not
// read.
func (c *checker) tls(h *lead.Webhook) {
	if h.ClientCert != "" && len(h.ClientCert) <= MaxBytes {
		if _, err := credentials.ClientCertificate(h.ClientCert.Reveal()); err != nil {
			c.add("client_cert", "client_cert %v", err)
		}
	}
	if h.CA != "" && len(h.CA) <= MaxBytes {
		if _, err := credentials.Authorities(h.CA); err != nil {
			c.add("ca", "ca %v", err)
		}
	}
}
