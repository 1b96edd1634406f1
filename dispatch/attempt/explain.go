package attempt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// noAnswer returns the outcome of an attempt that was not answered.
func (c *Client) noAnswer(err error, x *exchange) Outcome {
	o := Outcome{Verdict: Transient, Evidence: x.evidence(), Text: c.explain(err, x)}
	if _, ok := errors.AsType[guardError](err); ok {
		o.Verdict = NeedsHuman
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		o.Verdict = NeedsHuman
	}
	return o
}

// explain explains an error in plain words. It quotes only errors whose text is
// known: net/http puts what the CRM sent into some of its errors, and a CRM may
// send our own request back, including the token.
func (c *Client) explain(err error, x *exchange) string {
	if guard, ok := errors.AsType[guardError](err); ok {
		return guard.Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		return c.explainProxy(op)
	} else if ok && op.Op == "socks connect" {
		return "the proxy did not connect to the CRM"
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return explainCertificate(cert, x.target.url.Host)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return explainDNS(dns)
	}
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		// The text comes from crypto/tls. With TLS 1.3 the alert may come after
		// the request, for instance if the CRM wants a client certificate.
		return "TLS aborted by the CRM: " + alert.Err.Error()
	}
	if x.evidence() == lead.NotSent {
		return c.explainUnsent(err)
	}
	switch {
	case errors.Is(err, errDeadline):
		return fmt.Sprintf("no answer within %v", c.opts.Timeout)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was reset before an answer came"
	case errors.Is(err, io.EOF), !x.read():
		return "the CRM closed the connection without an answer"
	}
	if x.http2() {
		return "no valid HTTP answer came (not HTTP, cut short, or headers of more than 64 KiB)"
	}
	return "no valid HTTP answer came (not HTTP, or cut short)"
}

func (c *Client) explainProxy(err error) string {
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the proxy cannot be trusted: " + explainCertificate(cert, c.opts.Proxy.Host)
	}
	return "the proxy cannot be reached"
}

func (c *Client) explainUnsent(err error) string {
	if proxy, ok := errors.AsType[proxyError](err); ok {
		return proxy.Error()
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS handshake failed: the CRM does not speak TLS on this port"
	}
	op, ok := errors.AsType[*net.OpError](err)
	dialling := ok && op.Op == "dial"
	switch {
	case errors.Is(err, errDeadline):
		return fmt.Sprintf("no connection within %v", c.opts.Timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "the CRM's network cannot be reached"
	case dialling && op.Timeout():
		return fmt.Sprintf("no connection within %v", c.opts.ConnectTimeout)
	case dialling:
		return "no connection could be made"
	case timedOut(err):
		return fmt.Sprintf("TLS handshake not finished within %v", c.opts.ConnectTimeout)
	}
	return "the connection broke before the request was sent"
}

func timedOut(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() && !errors.Is(err, context.Canceled)
}

func explainDNS(dns *net.DNSError) string {
	switch {
	case dns.IsNotFound:
		return fmt.Sprintf("the CRM's name %s is not known (DNS)", dns.Name)
	case dns.IsTimeout:
		return fmt.Sprintf("looking up the CRM's name %s took too long (DNS)", dns.Name)
	}
	return fmt.Sprintf("the CRM's name %s could not be looked up (DNS)", dns.Name)
}

func explainCertificate(err *tls.CertificateVerificationError, host string) string {
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return "certificate is not for " + name.Host
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "certificate of " + host + " is signed by an unknown authority"
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired && time.Now().After(invalid.Cert.NotAfter):
		return "certificate expired on " + invalid.Cert.NotAfter.UTC().Format(time.DateOnly)
	case ok && invalid.Reason == x509.Expired:
		return "certificate is not valid before " + invalid.Cert.NotBefore.UTC().Format(time.DateOnly)
	}
	return "certificate of " + host + " cannot be trusted"
}
