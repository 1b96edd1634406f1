package dispatch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http2"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

const (
	maxAnswerHeader = 64 << 10 // bytes; a longer header ends the attempt
	maxAnswerBody   = 64 << 10 // bytes that are read so that the connection can be used again

	// maxAnswerTime is how long the rest of an answer is waited for once its
	// status is known. A connection that takes longer is closed: reusing it
	// is not worth a slot.
	maxAnswerTime = time.Second

	// maxClogged is how long the end of an attempt may wait for a connection
	// whose other side does not read.
	maxClogged = time.Second

	http2Proto = "HTTP/2.0" // as net/http calls it

	// idleTimeout ends idle connections before CRMs do: a request that meets
	// the other side's close counts as maybe received. Node.js and Apache
	// close after 5 seconds, load balancers after 60.
	idleTimeout = 4 * time.Second

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

// A sender makes single attempts. It uses the transport itself and no
// [http.Client]: nothing follows redirects, keeps cookies, turns user info
// into a header or puts the URL into errors.
type sender struct {
	opts      Options
	guard     *Guard
	transport poster
	targets   targets
}

// A poster makes requests: an [http1.Transport], before that of net/http.
type poster interface {
	Post(ctx context.Context, r *http1.Request) (*http1.Answer, error)
	CloseIdleConnections()
}

func newSender(opts Options) *sender {
	s := &sender{opts: opts, guard: NewGuard(opts.Guard)}
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
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
	if opts.Proxy == nil {
		dialer.ControlContext = s.guard.control
	} else {
		// Only the proxy is dialled, and the operator named it. Where it goes
		// from there is for the proxy to guard; see Options.Proxy.
		t.Proxy = http.ProxyURL(opts.Proxy)
		t.OnProxyConnectResponse = checkTunnel
	}
	enableHTTP2(t, opts.Timeout)
	direct := &http1.Transport{
		Next: t, Dial: t.DialContext, TLS: t.TLSClientConfig, HandshakeTimeout: t.TLSHandshakeTimeout,
		MaxHeader: t.MaxResponseHeaderBytes, BodyTimeout: maxAnswerTime, IdleTimeout: t.IdleConnTimeout,
	}
	if opts.Proxy != nil {
		direct.Dial = nil
	}
	s.transport = direct
	return s
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
		MaxReceiveBufferPerStream: maxAnswerBody, // what may come before it is read; else 4 MiB
	}
	if err := http2.ConfigureTransport(t); err != nil { //nolint:staticcheck // its successor is what is avoided
		panic("dispatch: a new transport has HTTP/2 already: " + err.Error())
	}
}

// post makes one attempt, which began now: it POSTs the delivery and reads the
// answer, within the time that an attempt has, whatever becomes of ctx.
func (s *sender) post(ctx context.Context, dl *delivery, now time.Time) outcome {
	deadline := now.Add(s.opts.Timeout)
	x := &exchange{target: dl.target, limit: limited(ctx, deadline)}
	if dl.target.refusal != nil {
		return s.fault(dl.target.refusal, x)
	}
	defer x.leave()
	defer x.limit.over()

	x.request = dl.request(x.room[:0], now)
	x.request.Watcher = x
	answer, err := s.transport.Post(&x.limit, &x.request)
	if err != nil {
		if !time.Now().Before(deadline) {
			err = errDeadline
		}
		return s.fault(err, x)
	}
	if !answer.Whole { // the rest is cut here for net/http; package http1 has its BodyTimeout
		rest := min(maxAnswerTime, time.Until(deadline))
		defer time.AfterFunc(rest, x.limit.over).Stop()
		if answer.Proto == http2Proto {
			defer x.closeAfter(rest + maxClogged)()
		}
		drain(answer)
	}
	return judge(answer.Status, answer.RetryAfter)
}

// drain reads the rest of an answer so that its connection can be used again.
// What is in it, and whether it can be read, changes nothing: the status
// decides. After 101 there is no rest, and no deadline either: net/http leaves
// the connection to its caller.
func drain(answer *http1.Answer) {
	if answer.Status != http.StatusSwitchingProtocols {
		_, _ = io.CopyN(io.Discard, answer.Body, maxAnswerBody)
	}
	_ = answer.Body.Close()
}
