// Package http1 makes HTTP/1.1 requests on the goroutine of the caller.
//
// A connection of net/http has two goroutines of its own, which hand each
// request and each answer over. For a request of a kilobyte and an answer of
// some bytes that is more than half of what net/http costs. Here the caller
// writes the request and reads the answer itself: with net/http's own
// [http.Request.Write] and [http.ReadResponse], so that what is sent and what
// is understood is the same.
package http1

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// maxRequest is how large a body may be to be written before the answer is
// read. A server may answer before it has read a larger one, and may then read
// no further; what is smaller fits into the buffers of a connection.
const maxRequest = 32 << 10

// A Transport is an [http.RoundTripper] for requests that are not large, over
// http, and over https where the server was found to speak HTTP/1.1. Others
// are left to Next. It is safe for concurrent use; its fields must not be
// changed any more once it is used.
//
// It sends a request once, and never again by itself. The end of the request's
// context ends the exchange, and the reading of the answer's body. Where the
// body is not read to its end, the connection is closed.
type Transport struct {
	Next http.RoundTripper // what makes all other requests; required

	// Dial opens a connection; required. How many are open in all is for it to
	// bound: one that it closes while nobody uses it is not used again.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	TLS              *tls.Config   // nil: the default one
	HandshakeTimeout time.Duration // of TLS; zero: none
	MaxHeader        int64         // bytes of the answer before its body, 1xx answers counted; required
	MaxIdlePerHost   int           // idle connections that are kept for a scheme, host and port; required
	IdleTimeout      time.Duration // after which they are closed; required

	idle pool
	olds hosts
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	to, here := t.mine(r)
	if !here {
		return t.pass(r)
	}
	c, err := t.connect(r.Context(), to)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	return t.exchange(r, c)
}

// mine says where a request goes that is made here.
func (t *Transport) mine(r *http.Request) (endpoint, bool) {
	to, plain := endpointOf(r.URL)
	if !peeks || !plain || r.ContentLength < 0 || r.ContentLength > maxRequest {
		return to, false
	}
	return to, !to.secure || t.olds.has(to)
}

// pass leaves a request to Next, and learns from the answer what the server
// speaks.
func (t *Transport) pass(r *http.Request) (*http.Response, error) {
	answer, err := t.Next.RoundTrip(r)
	if err == nil && answer.ProtoMajor == 1 && answer.TLS != nil {
		if to, plain := endpointOf(r.URL); plain {
			t.olds.add(to)
		}
	}
	return answer, err
}

// connect returns an idle connection, or opens one.
func (t *Transport) connect(ctx context.Context, to endpoint) (*conn, error) {
	for c := t.idle.take(to); c != nil; c = t.idle.take(to) {
		if !c.stale() {
			return c, nil
		}
		c.close()
	}
	return t.open(ctx, to)
}

func (t *Transport) open(ctx context.Context, to endpoint) (*conn, error) {
	dialled, err := t.Dial(ctx, "tcp", to.address)
	if err != nil {
		return nil, err
	}
	c := newConn(dialled, to)
	if !to.secure {
		return c, nil
	}
	if err := t.handshake(ctx, c); err != nil {
		_ = dialled.Close()
		return nil, err
	}
	return c, nil
}

// handshake puts TLS on a connection.
func (t *Transport) handshake(ctx context.Context, c *conn) error {
	config := &tls.Config{}
	if t.TLS != nil {
		config = t.TLS.Clone()
	}
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = c.to.host
	}
	secure := tls.Client(c.Conn, config)
	if t.HandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.HandshakeTimeout)
		defer cancel()
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	err := secure.HandshakeContext(ctx)
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(secure.ConnectionState(), err)
	}
	c.Conn = secure
	return err
}

// exchange makes the request on a connection, which it closes if no answer
// comes, and which the answer's body gives back otherwise.
func (t *Transport) exchange(r *http.Request, c *conn) (*http.Response, error) {
	ctx := r.Context()
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: c.Conn, Reused: c.used})
	}
	uncut := context.AfterFunc(ctx, c.cut)
	c.borrowBuffers()
	err := c.write(r)
	var answer *http.Response
	if err == nil {
		answer, err = c.read(r, t.MaxHeader, trace)
	}
	if err != nil {
		uncut()
		c.discard()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	done := func(whole bool) {
		if uncut() && whole && c.reusable() {
			c.returnBuffers()
			t.idle.put(c, t)
			return
		}
		c.discard()
	}
	whole := !answer.Close && !r.Close && answer.StatusCode != http.StatusSwitchingProtocols
	if answer.Body == http.NoBody {
		done(whole)
		return answer, nil
	}
	answer.Body = &body{ReadCloser: answer.Body, whole: whole, done: done}
	return answer, nil
}

// CloseIdleConnections closes what is idle, here and in Next.
func (t *Transport) CloseIdleConnections() {
	t.idle.closeAll()
	if next, ok := t.Next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// hosts are the endpoints that speak HTTP/1.1 over TLS.
type hosts struct {
	mu    sync.RWMutex
	known map[endpoint]struct{} // guarded by mu; at most maxHosts
}

const maxHosts = 8192

func (h *hosts) has(to endpoint) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, known := h.known[to]
	return known
}

// add forgets all others when there are too many.
func (h *hosts) add(to endpoint) {
	if h.has(to) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxHosts {
		h.known = make(map[endpoint]struct{})
	}
	h.known[to] = struct{}{}
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
