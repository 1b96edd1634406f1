package attempt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptrace"
	"sync"
	"time"
)

// Network is what was seen of the way to a CRM. What did not happen is
// zero: an address needs no DNS, plain http no TLS.
type Network struct {
	Address string // that was connected to, or tried last: the proxy's, if there is one

	DNS, Connect, TLS time.Duration // of each step
	FirstByte         time.Duration // from the end of the request to the first byte of the answer
	Total             time.Duration

	TLSVersion  string            // such as "TLS 1.3"
	Certificate *x509.Certificate // the CRM's, also one that was refused; nil: none was seen
}

// A watch sees the steps of an exchange. net/http may try several addresses at
// once, and go on with one when another has answered.
type watch struct {
	began time.Time

	mu        sync.Mutex
	seen      Network              // guarded by mu, as are all below
	starts    map[string]time.Time // of connecting, by address
	dns, tls  time.Time            // when it began
	wrote     time.Time            // when the request was out
	connected bool                 // seen.Address is that of the connection
}

func (w *watch) trace() *httptrace.ClientTrace {
	w.starts = make(map[string]time.Time)
	locked := func(f func(now time.Time)) {
		w.mu.Lock()
		defer w.mu.Unlock()
		f(time.Now())
	}
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { locked(func(now time.Time) { w.dns = now }) },
		DNSDone:           func(httptrace.DNSDoneInfo) { locked(func(now time.Time) { w.seen.DNS = now.Sub(w.dns) }) },
		ConnectStart:      func(_, addr string) { locked(func(now time.Time) { w.starts[addr] = now }) },
		ConnectDone:       func(_, addr string, err error) { locked(func(now time.Time) { w.connect(now, addr, err) }) },
		TLSHandshakeStart: func() { locked(func(now time.Time) { w.tls = now }) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			locked(func(now time.Time) { w.seen.TLS = now.Sub(w.tls); w.handshake(state, err) })
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { locked(func(now time.Time) { w.wrote = now }) },
		GotFirstResponseByte: func() { locked(func(now time.Time) { w.firstByte(now) }) },
	}
}

func (w *watch) connect(now time.Time, addr string, err error) {
	if !w.connected {
		w.seen.Address, w.seen.Connect = addr, now.Sub(w.starts[addr])
		w.connected = err == nil
	}
}

// handshake keeps the certificate, of a refused one too.
func (w *watch) handshake(state tls.ConnectionState, err error) {
	certificates := state.PeerCertificates
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		certificates = refused.UnverifiedCertificates
	}
	if len(certificates) > 0 {
		w.seen.Certificate = certificates[0]
	}
	if state.Version != 0 {
		w.seen.TLSVersion = tls.VersionName(state.Version)
	}
}

// firstByte: an answer may begin before the request is out.
func (w *watch) firstByte(now time.Time) {
	if !w.wrote.IsZero() {
		w.seen.FirstByte = now.Sub(w.wrote)
	}
}

func (w *watch) network(now time.Time) Network {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.Total = now.Sub(w.began)
	return w.seen
}
