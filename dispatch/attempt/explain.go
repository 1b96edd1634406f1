package attempt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
)

// noAnswer returns the outcome of an attempt that was not answered.
func (c *Client) noAnswer(err error, x *exchange) Outcome {
	o := Outcome{Verdict: Transient, Evidence: x.evidence(), Text: c.explain(err, x)}
	if _, ok := errors.AsType[guardError](err); ok {
		o.Verdict = NeedsHuman
	}
	if refusal := c.refusedTLS(err, x); refusal != nil {
		o.Verdict, o.Text = NeedsHuman, refusal.text
		if refusal.unaccepted {
			o.Evidence = lead.NotSent
		}
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
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return explainDNS(dns)
	}
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		// The text comes from crypto/tls.
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
		return "the proxy cannot be trusted: " + explainCertificate(cert, c.opts.Proxy.Host, "http.ca_file")
	}
	return "the proxy cannot be reached"
}

func (c *Client) explainUnsent(err error) string {
	if proxy, ok := errors.AsType[proxyError](err); ok {
		return proxy.Error()
	}
	if failed, ok := errors.AsType[*http1.HandshakeError](err); ok && failed.Unsaid {
		return "the CRM ended the connection at the hello of TLS (ClientHello), even without a post-quantum share: " +
			"a firewall before it, or its server, refuses the connection"
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
