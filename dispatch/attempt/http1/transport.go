// Package http1 makes HTTP/1.1 requests on the goroutine of the caller.
//
// A connection of net/http has two goroutines of its own, which hand each
// request and each answer over; for a request of a kilobyte and an answer of
// some bytes that is half of what it costs. Here the caller writes the request
// and reads the answer itself, with [http.ReadResponse] unless it is a short and
// plain one, and idle connections have no goroutine.
package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"time"
)

// maxBody is how large a request's body may be to be written before the answer
// is read. A server may answer before it has read a larger one, and may then
// read no further; a smaller one fits into the buffers of a connection.
const maxBody = 32 << 10

// maxClogged is how much longer than [Transport.BodyTimeout] reading an answer
// may take over HTTP/2 when the other side does not read.
const maxClogged = time.Second

// A Transport makes POSTs that are not large, over http, and over https where
// the server was found to speak HTTP/1.1. All others are left to Next, and so is
// everything where the operating system is not a Unix. It is safe for concurrent
// use; its fields must not be changed once it is used.
//
// It sends a request once and never again by itself, but may find out that an
// idle connection was closed, and then takes another one before it sends. As
// many are kept for a host as requests were made there at once. A body that is
// not read to its end costs its connection.
//
// Of the hooks of a request's Trace it calls those of dialling and TLS, GotConn,
// WroteRequest and GotFirstResponseByte. It looks for none in the context itself;
// Next and Dial may.
type Transport struct {
	Next http.RoundTripper // makes the other requests; required

	// Dial opens a connection; nil: all requests are left to Next. One that is no
	// [syscall.Conn] is used for one request. How many are open in all is for it
	// to bound: one that it closes while nobody uses it is not used again.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	TLS              *tls.Config   // of the server's name and ALPN nothing counts; nil: the defaults of crypto/tls
	HandshakeTimeout time.Duration // of TLS; required
	MaxHeader        int64         // bytes of an answer before its body, those of 1xx answers before it too; required
	MaxBody          int64         // bytes of an answer's body that are read, so that its connection can be used again; required
	BodyTimeout      time.Duration // for which an answer is read on once its header has come; required
	IdleTimeout      time.Duration // after which connections are closed, or a sixteenth later, and not used any more; required

	idle   pool
	known1 endpoints // that speak HTTP/1.1 over TLS
}

// Post makes a request and reads the answer, of whose body it returns what
// [Request.KeepBody] asks for. Like [http.RoundTripper] it returns any answer,
// and an error only if there is none: that the body cannot be read, or does not
// come to its end, is no error.
//
// The deadline ends all of it, except that saying goodbye with TLS may take five
// seconds longer, and reading an HTTP/2 answer one second if the other side does
// not read. Zero is no deadline. The end of ctx has an effect only while a
// connection is opened, and where Next makes the request: watching for that would
// cost each request more than the deadline does.
func (t *Transport) Post(ctx context.Context, r *Request, deadline time.Time) (*Answer, error) {
	if !t.ours(r) {
		return t.pass(ctx, r, deadline)
	}
	m, err := r.write()
	if err != nil {
		return nil, err
	}
	defer m.free()
	c, err := t.connect(ctx, r, deadline)
	if err != nil {
		return nil, err
	}
	return t.exchange(r, m, c, deadline)
}

// CloseIdleConnections closes what is idle, here and in Next.
func (t *Transport) CloseIdleConnections() {
	t.idle.close()
	if next, ok := t.Next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// ours says whether a request is made here.
func (t *Transport) ours(r *Request) bool {
	to, size := r.Target.to, r.size()
	if !peeks || t.Dial == nil || to == (endpoint{}) || size == 0 || size > maxBody {
		return false
	}
	return !to.secure || t.known1.has(to)
}

// pass leaves a request to Next, and learns from the answer what the server
// speaks: net/http offers it HTTP/2 as well.
func (t *Transport) pass(ctx context.Context, r *Request, deadline time.Time) (*Answer, error) {
	ctx, cancel := before(ctx, deadline)
	defer cancel()
	var conn net.Conn
	response, err := t.Next.RoundTrip(r.plain(ctx, func(got httptrace.GotConnInfo) {
		if conn = got.Conn; r.Watcher != nil {
			r.Watcher.GotConn(got)
		}
	}))
	if err != nil {
		return nil, err
	}
	if r.Target.to.secure && response.ProtoMajor == 1 {
		t.known1.add(r.Target.to)
	}
	answer := answerOf(response)
	if answer.Whole {
		return answer, nil
	}
	wait := t.BodyTimeout
	if !deadline.IsZero() {
		wait = min(wait, time.Until(deadline))
	}
	defer time.AfterFunc(wait, cancel).Stop()
	if response.ProtoMajor == 2 && conn != nil {
		// Here the end of ctx does not end reading an answer: x/net first tells
		// the server that the stream is over, which blocks while it does not read.
		defer time.AfterFunc(wait+maxClogged, func() { _ = underTLS(conn).Close() }).Stop()
	}
	if answer.Status != http.StatusSwitchingProtocols { // behind that is no body, and no deadline: it is the connection
		answer.readBody(response.Body, int64(r.KeepBody), t.MaxBody)
	}
	_ = response.Body.Close()
	return answer, nil
}

// before returns ctx with a deadline, if that is not zero.
func before(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline)
}

// underTLS is the connection that TLS was put on, perhaps more than once.
func underTLS(conn net.Conn) net.Conn {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = outer.NetConn()
	}
}

// connect takes an idle connection, or opens one.
func (t *Transport) connect(ctx context.Context, r *Request, deadline time.Time) (*conn, error) {
	to := r.Target.to
	for c := t.idle.take(to); c != nil; c = t.idle.take(to) {
		if time.Since(c.since) <= t.IdleTimeout && !c.stale() {
			return c, nil
		}
		c.drop()
	}
	return t.open(ctx, r, deadline)
}

// open opens a connection.
func (t *Transport) open(ctx context.Context, r *Request, deadline time.Time) (*conn, error) {
	to := r.Target.to
	ctx, cancel := before(ctx, deadline)
	defer cancel()
	dialled, err := t.Dial(r.traced(ctx), "tcp", to.address)
	if err != nil {
		return nil, err
	}
	c := newConn(dialled, to)
	if !to.secure {
		return c, nil
	}
	if c.Conn, err = t.secure(ctx, dialled, to, trace{r.Trace}); err != nil {
		t.known1.remove(to) // perhaps it speaks only HTTP/2 by now
		c.drop()
		return nil, err
	}
	return c, nil
}

// secure puts TLS on a connection.
func (t *Transport) secure(ctx context.Context, dialled net.Conn, to endpoint, trace trace) (net.Conn, error) {
	config := t.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.NextProtos = []string{"http/1.1"}
	config.ServerName, _, _ = net.SplitHostPort(to.address)
	ctx, cancel := context.WithTimeout(ctx, t.HandshakeTimeout)
	defer cancel()
	conn := tls.Client(dialled, config)
	trace.TLSHandshakeStart()
	err := conn.HandshakeContext(ctx)
	trace.TLSHandshakeDone(conn.ConnectionState(), err)
	return conn, err
}

// exchange makes a request on a connection, reads the answer, and gives the
// connection back or closes it.
func (t *Transport) exchange(r *Request, m *message, c *conn, deadline time.Time) (*Answer, error) {
	got := httptrace.GotConnInfo{Conn: c.Conn, Reused: !c.since.IsZero()}
	if (trace{r.Trace}).GotConn(got); r.Watcher != nil {
		r.Watcher.GotConn(got)
	}
	c.endBy(deadline)
	answer, body, lasts, err := c.exchange(r, m, t.MaxHeader)
	if err != nil {
		c.drop()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = context.DeadlineExceeded
		}
		return nil, err
	}
	if body != nil || c.secure() { // otherwise nothing more is read
		if end := time.Now().Add(t.BodyTimeout); deadline.IsZero() || end.Before(deadline) {
			c.endBy(end)
		}
	}
	if body != nil {
		answer.readBody(body, int64(r.KeepBody), t.MaxBody)
	}
	t.end(c, answer.Whole, lasts)
	return answer, nil
}

// end ends an exchange that had an answer, whose body was read or not, after
// which the connection lasts or not.
func (t *Transport) end(c *conn, whole, lasts bool) {
	switch {
	case whole && lasts && c.rest():
		t.idle.put(c, t.IdleTimeout)
	case whole:
		c.close()
	default:
		c.drop()
	}
}
