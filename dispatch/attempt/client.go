// Package attempt makes one attempt at a delivery: one POST, from the webhook
// that it goes to, to the verdict on the result. It refuses addresses that
// leadhook must not call, signs the request, sends it, grades whether the CRM may
// have the lead after a failure, and explains the failure in plain words.
//
// It knows webhooks (package lead), HTTP through package http1 below it, and what the
// rules of a webhook say about an answer through package answer. It does not know what
// a lead's body means, how often and when a delivery is attempted, or what follows from a
// verdict: no deliveries, schedules, limiter or ledger.
package attempt

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// Options are the settings of a [Client]. The zero value of a field means the
// default that is named with it.
type Options struct {
	Timeout        time.Duration // of a whole attempt, from the name look-up to the end of the answer; 15 s
	ConnectTimeout time.Duration // for connecting, and again for the TLS handshake; 5 s

	// MaxInFlight is how many attempts the caller makes at the same time. The
	// client keeps half as many idle connections. 512.
	MaxInFlight int

	UserAgent string // "leadhook"
	Guard     GuardOptions

	// PerAdvertiser keeps the leads of two advertisers off the same connection, and
	// off the same TLS session. HTTP/2 is then not spoken, and what net/http sends
	// (through a socks5 proxy, or through any without TLS) gets a connection each time.
	PerAdvertiser bool

	// Proxy, if set, is what all attempts go through: http, https or socks5.
	// The proxy then resolves the names, and leadhook cannot see where it
	// connects to. URLs are still checked (scheme, port, literal addresses), but
	// refusing names that lead to private addresses is up to the proxy. Nil: no
	// proxy, whatever the environment says.
	Proxy *url.URL

	RootCAs *x509.CertPool // whose certificates are trusted; nil: those of the system

	// Network, if set, makes the requests in place of connections of the client's
	// own. Guard and Proxy then see only the URLs. It is meant for tests.
	Network http.RoundTripper
}

// WithDefaults returns the options with defaults in place of zero values.
func (o Options) WithDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 512)
	o.UserAgent = cmp.Or(o.UserAgent, "leadhook")
	return o
}

// A Client makes attempts. It is safe for concurrent use. It has no
// [http.Client]: that would follow redirects, keep cookies, turn user info into a
// header and put the URL into errors.
type Client struct {
	opts      Options
	guard     *Guard
	transport *http1.Transport
	targets   targetCache
}

// NewClient returns a Client. The caller must close it.
func NewClient(opts Options) *Client {
	opts = opts.WithDefaults()
	guard := NewGuard(opts.Guard)
	return &Client{opts: opts, guard: guard, transport: newTransport(opts, guard)}
}

// Close closes the idle connections. No attempt may be in flight.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do makes one attempt and blocks until it has ended. Only [Options.Timeout] ends
// it early: a CRM may have the lead as soon as the first byte is sent, and if the
// attempt were cancelled, it would stay unknown whether it has.
func (c *Client) Do(r *Request) Outcome {
	var x exchange
	o := c.do(context.Background(), r, &x)
	if o.Verdict == Delivered {
		o.Kept = Kept{}
	}
	return o
}

// do makes an attempt with x. What is kept of the answer is not scrubbed yet if the lead was
// delivered.
func (c *Client) do(ctx context.Context, r *Request, x *exchange) Outcome {
	var o Outcome
	err := c.post(ctx, r, x)
	took := time.Since(r.Time)
	if err != nil {
		o = c.noAnswer(err, x)
	} else {
		o = answered(r, x.answer)
	}
	o.Took = took
	return o
}

// errDeadline means that [Options.Timeout] ended the attempt.
var errDeadline = errors.New("the attempt's time is over")

// post sends the request and reads the answer, if the guard allows the target.
func (c *Client) post(ctx context.Context, r *Request, x *exchange) (err error) {
	defer x.leave()
	x.target = r.Target
	if r.Target.blocked != nil {
		return r.Target.blocked
	}
	x.prepare(r)
	deadline := r.Time.Add(c.opts.Timeout)
	if x.answer, err = c.transport.Post(ctx, &x.request, deadline); err != nil && !time.Now().Before(deadline) {
		return errDeadline
	}
	return err
}
