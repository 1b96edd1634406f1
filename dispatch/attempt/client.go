// Package attempt makes one attempt at a delivery: one POST, from the webhook
// that it goes to, to the verdict on what came of it. It keeps leadhook from
// being led to addresses that nobody may call, signs, sends, knows afterwards
// whether the CRM may have the lead, and says in plain words what went wrong.
//
// It knows webhooks (package lead), and HTTP by way of package http1 below it.
// What a body looks like, how often and when a delivery is attempted, and what
// follows from a verdict is for its callers.
package attempt

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http2"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

const (
	maxAnswerHeader = 64 << 10 // bytes; a longer header ends the attempt

	// MaxAnswerBody is how many bytes of an answer's body are read, so that its
	// connection can be used again.
	MaxAnswerBody = 64 << 10

	// maxAnswerTime is how long the rest of an answer is waited for once its
	// status is known. A connection that takes longer is closed: reusing it
	// is not worth a slot.
	maxAnswerTime = time.Second

	// IdleTimeout ends idle connections before CRMs do: a request that meets
	// the other side's close counts as maybe received. Node.js and Apache
	// close after 5 seconds, load balancers after 60.
	IdleTimeout = 4 * time.Second

	// pingAfter is how long an HTTP/2 connection may be silent before it must
	// prove that it is alive. Else one that a firewall dropped without a word
	// would take every request and answer none.
	pingAfter = 10 * time.Second
)

// errDeadline is what ends an attempt whose time is over.
var errDeadline = errors.New("the attempt's time is over")

// A proxyError says that the operator's proxy did not open a tunnel.
type proxyError int

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy answered %d %s", int(e), http.StatusText(int(e)))
}

// Options are the settings of a [Client]. The zero value of a field means the
// default that is named with it.
type Options struct {
	Timeout        time.Duration // of a whole attempt, name look-up to end of answer; 15 s
	ConnectTimeout time.Duration // to connect, and again for the TLS handshake; 5 s

	// MaxInFlight is how many attempts the caller makes at the same time, for
	// which the client keeps connections; 512.
	MaxInFlight int

	UserAgent string // "leadhook"
	Guard     GuardOptions

	// Proxy, if set, is what all attempts go through: http, https or socks5.
	// It then resolves the names, and leadhook cannot see where it connects
	// to: URLs are still checked (scheme, port, literal addresses), but names
	// that lead to private addresses are for the proxy to refuse. Nil: no
	// proxy, whatever the environment says.
	Proxy *url.URL

	RootCAs *x509.CertPool // whose certificates are trusted; nil: those of the system

	// Network, if set, makes the requests in place of the client's own
	// connections, so that neither guard nor proxy see them. It is for tests.
	Network http.RoundTripper
}

// WithDefaults returns the options with the defaults in place of zero values.
func (o Options) WithDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 512)
	o.UserAgent = cmp.Or(o.UserAgent, "leadhook")
	return o
}

// A Client makes attempts. It is safe for concurrent use. It uses the transport
// itself and no [http.Client]: nothing follows redirects, keeps cookies, turns
// user info into a header or puts the URL into errors.
type Client struct {
	opts      Options
	guard     *Guard
	transport *http1.Transport
	targets   targets
}

// NewClient returns a Client, which must be closed.
func NewClient(opts Options) *Client {
	opts = opts.WithDefaults()
	c := &Client{opts: opts, guard: NewGuard(opts.Guard)}
	if opts.Network != nil {
		c.transport = &http1.Transport{Next: opts.Network, MaxBody: MaxAnswerBody, BodyTimeout: maxAnswerTime}
		return c
	}
	c.transport = newTransport(opts, c.guard)
	return c
}

// Close closes the idle connections. No attempt must be under way any more.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// newTransport returns the client's own way to the network.
func newTransport(opts Options, guard *Guard) *http1.Transport {
	dialer := &net.Dialer{Timeout: opts.ConnectTimeout}
	idle := 2 * opts.MaxInFlight
	open := newConnections(idle + opts.MaxInFlight)
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return open.add(conn), nil
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opts.RootCAs},
		TLSHandshakeTimeout:    opts.ConnectTimeout,
		DisableCompression:     true,
		MaxIdleConns:           idle,
		MaxIdleConnsPerHost:    opts.MaxInFlight, // many webhooks share a CRM provider's host; fewer would be opened again and again
		IdleConnTimeout:        IdleTimeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
	if opts.Proxy == nil {
		dialer.ControlContext = guard.control
	} else {
		// Only the proxy is dialled, and the operator named it. Where it goes
		// from there is for the proxy to guard; see Options.Proxy.
		t.Proxy = http.ProxyURL(opts.Proxy)
		t.OnProxyConnectResponse = checkTunnel
	}
	enableHTTP2(t, opts.Timeout)
	direct := &http1.Transport{
		Next: t, Dial: t.DialContext, TLS: t.TLSClientConfig, HandshakeTimeout: t.TLSHandshakeTimeout,
		MaxHeader: t.MaxResponseHeaderBytes, MaxBody: MaxAnswerBody, BodyTimeout: maxAnswerTime, IdleTimeout: t.IdleConnTimeout,
	}
	if opts.Proxy != nil {
		direct.Dial = nil
	}
	return direct
}

func checkTunnel(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return proxyError(answer.StatusCode)
	}
	return nil
}

// enableHTTP2 takes the implementation of x/net: the one inside net/http (Go
// 1.26) sends a request again by itself also after PROTOCOL_ERROR, when the
// CRM may well have the lead.
func enableHTTP2(t *http.Transport, timeout time.Duration) {
	t.HTTP2 = &http.HTTP2Config{
		SendPingTimeout:           pingAfter,
		WriteByteTimeout:          timeout,
		MaxReceiveBufferPerStream: MaxAnswerBody, // what may come before it is read; else 4 MiB
	}
	if err := http2.ConfigureTransport(t); err != nil { //nolint:staticcheck // its successor is what is avoided
		panic("attempt: a new transport has HTTP/2 already: " + err.Error())
	}
}

// Do makes one attempt and blocks until it has ended. Nothing but its time
// ([Options.Timeout]) cuts it.
func (c *Client) Do(r *Request) Outcome { return c.do(context.Background(), r, &exchange{}) }

// do makes an attempt by way of x.
func (c *Client) do(ctx context.Context, r *Request, x *exchange) Outcome {
	var o Outcome
	if err := c.post(ctx, r, x); err != nil {
		o = c.fault(err, x)
	} else {
		o = judge(x.answer.Status, x.answer.RetryAfter)
	}
	o.Took = time.Since(r.Time)
	return o
}

// post sends the request and reads the answer, unless the guard is against it.
func (c *Client) post(ctx context.Context, r *Request, x *exchange) (err error) {
	x.target = r.Target
	if r.Target.refusal != nil {
		return r.Target.refusal
	}
	defer x.leave()
	x.prepare(r)
	deadline := r.Time.Add(c.opts.Timeout)
	if x.answer, err = c.transport.Post(ctx, &x.request, deadline); err != nil && !time.Now().Before(deadline) {
		return errDeadline
	}
	return err
}
