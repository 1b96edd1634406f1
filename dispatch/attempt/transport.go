package attempt

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http2"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

const (
	maxAnswerHeader = 64 << 10 // bytes; what is beyond them is not read

	// MaxAnswerBody is how many bytes of an answer's body are read, so that its
	// connection can be used again.
	MaxAnswerBody = 64 << 10

	// maxAnswerTime is how long to wait for the rest of an answer once its status
	// is known. A connection that takes longer is closed: using it again is not
	// worth keeping the attempt in flight.
	maxAnswerTime = time.Second

	// IdleTimeout ends idle connections before CRMs do, while it is not known when
	// they do: a request on a connection that the CRM closes at the same moment counts
	// as maybe received. Node.js and Apache close after 5 seconds, load balancers
	// after 60.
	IdleTimeout = 4 * time.Second

	// MaxIdleTime is for CRMs that are known to keep connections for longer: beyond it
	// a network on the way may forget one without a word.
	MaxIdleTime = 50 * time.Second

	// maxSessions is how many TLS sessions are kept, to be resumed by later
	// connections: one for each host. A session holds some 4 KB, most of it the
	// host's certificates.
	maxSessions = 2048

	// pingAfter is how long an HTTP/2 connection may be silent before it is
	// tested. Without a test, a connection that a firewall dropped silently would
	// take every request and answer none.
	pingAfter = 10 * time.Second
)

// newTransport returns what makes the requests of a client.
func newTransport(opts Options, guard *Guard) *http1.Transport {
	if opts.Network != nil {
		return &http1.Transport{Next: opts.Network, MaxBody: MaxAnswerBody, BodyTimeout: maxAnswerTime}
	}
	dialer := &net.Dialer{Timeout: opts.ConnectTimeout}
	idle := max(1, opts.MaxInFlight/2)
	open := newConnections(idle + opts.MaxInFlight)
	next := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return open.add(conn), nil
		},
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: opts.RootCAs,
			ClientSessionCache: tls.NewLRUClientSessionCache(maxSessions),
		},
		TLSHandshakeTimeout:    opts.ConnectTimeout,
		DisableCompression:     true,
		MaxIdleConns:           idle,
		MaxIdleConnsPerHost:    idle, // many webhooks share the host of a CRM provider
		IdleConnTimeout:        IdleTimeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
	t := &http1.Transport{
		Next: next, TLS: next.TLSClientConfig.Clone(), HandshakeTimeout: next.TLSHandshakeTimeout,
		MaxHeader: next.MaxResponseHeaderBytes, MaxBody: MaxAnswerBody,
		BodyTimeout: maxAnswerTime, MaxIdle: idle, IdleTimeout: next.IdleConnTimeout, MaxIdleTime: MaxIdleTime,
	}
	if opts.PerAdvertiser {
		next.DisableKeepAlives, next.TLSClientConfig.ClientSessionCache = true, nil
	} else {
		enableHTTP2(next, opts.Timeout)
	}
	if opts.Proxy != nil {
		// Only the proxy is dialled, which the operator named. See Options.Proxy.
		next.Proxy = http.ProxyURL(opts.Proxy)
		next.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			return proxyAnswer(answer.StatusCode)
		}
		if opts.Proxy.Scheme == "http" || opts.Proxy.Scheme == "https" {
			through := &tunnel{proxy: opts.Proxy, dial: next.DialContext, tls: t.TLS, handshakeTimeout: opts.ConnectTimeout}
			t.Dial, t.SecureOnly = through.open, true
		}
		return t
	}
	dialer.ControlContext = guard.control
	t.Dial = next.DialContext
	return t
}

// A proxyError is the status of a proxy that did not open a tunnel.
type proxyError int

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy answered %d %s", int(e), http.StatusText(int(e)))
}

// proxyAnswer returns an error unless a proxy has opened a tunnel.
func proxyAnswer(status int) error {
	if status != http.StatusOK {
		return proxyError(status)
	}
	return nil
}

// enableHTTP2 uses the implementation of x/net. The one inside net/http (Go 1.26)
// repeats a request also after PROTOCOL_ERROR, when the CRM may have the lead.
func enableHTTP2(t *http.Transport, timeout time.Duration) {
	t.HTTP2 = &http.HTTP2Config{
		SendPingTimeout:           pingAfter,
		WriteByteTimeout:          timeout,
		MaxReceiveBufferPerStream: MaxAnswerBody, // what may arrive before it is read; 4 MiB by default
	}
	if err := http2.ConfigureTransport(t); err != nil { //nolint:staticcheck // its successor is the one inside net/http
		panic("attempt: a new transport has HTTP/2 already: " + err.Error())
	}
}
