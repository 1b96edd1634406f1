package attempt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptrace"
	"sync"
	"time"
)

// Network is what was observed of the connection to a CRM. A step that did not
// happen is zero: an address needs no DNS, and plain http no TLS.
type Network struct {
	Address string // of the connection, or the last one tried; with a proxy, that of the proxy

	DNS, Connect, TLS time.Duration
	FirstByte         time.Duration // from the end of the request to the first byte of the answer
	Total             time.Duration

	TLSVersion  string            // such as "TLS 1.3"
	Certificate *x509.Certificate // of the CRM, accepted or not; nil if there was none
}

// steps records the steps of an exchange. net/http may try several addresses at
// once, and go on connecting to one when another has answered.
type steps struct {
	began time.Time

	mu        sync.Mutex
	seen      Network              // guarded by mu, like all fields below
	starts    map[string]time.Time // when connecting began, by address
	dns, tls  time.Time            // when each began
	wrote     time.Time            // when the request was written
	connected bool                 // seen.Address is that of the connection
}

func (s *steps) trace() *httptrace.ClientTrace {
	s.starts = make(map[string]time.Time)
	locked := func(f func(now time.Time)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f(time.Now())
	}
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { locked(func(now time.Time) { s.dns = now }) },
		DNSDone:           func(httptrace.DNSDoneInfo) { locked(func(now time.Time) { s.seen.DNS = now.Sub(s.dns) }) },
		ConnectStart:      func(_, addr string) { locked(func(now time.Time) { s.starts[addr] = now }) },
		ConnectDone:       func(_, addr string, err error) { locked(func(now time.Time) { s.connect(now, addr, err) }) },
		TLSHandshakeStart: func() { locked(func(now time.Time) { s.tls = now }) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			locked(func(now time.Time) { s.seen.TLS = now.Sub(s.tls); s.handshake(state, err) })
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { locked(func(now time.Time) { s.wrote = now }) },
		GotFirstResponseByte: func() { locked(func(now time.Time) { s.firstByte(now) }) },
	}
}

func (s *steps) connect(now time.Time, addr string, err error) {
	if !s.connected {
		s.seen.Address, s.seen.Connect = addr, now.Sub(s.starts[addr])
		s.connected = err == nil
	}
}

// handshake keeps the certificate, also if it was refused.
func (s *steps) handshake(state tls.ConnectionState, err error) {
	certificates := state.PeerCertificates
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		certificates = refused.UnverifiedCertificates
	}
	if len(certificates) > 0 {
		s.seen.Certificate = certificates[0]
	}
	if state.Version != 0 {
		s.seen.TLSVersion = tls.VersionName(state.Version)
	}
}

// firstByte ignores an answer that began before the request was written.
func (s *steps) firstByte(now time.Time) {
	if !s.wrote.IsZero() {
		s.seen.FirstByte = now.Sub(s.wrote)
	}
}

func (s *steps) network(now time.Time) Network {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Total = now.Sub(s.began)
	return s.seen
}
