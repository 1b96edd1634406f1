// Package http1 makes HTTP/1.1 requests, with TLS or without, on the goroutine of
// the caller.
//
// A connection of net/http has two goroutines of its own, to which each request
// and each answer is handed over. For a request of a kilobyte and an answer of a
// few bytes that is half of the cost. Here the caller's goroutine writes the
// request and reads the answer, and idle connections have no goroutine.
//
// What net/http takes for no answer, since a line of the header is not as it should be,
// is one here if its status line is readable.
//
// It does not know what is posted, or what an answer means.
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

// maxBefore is how large a request may be, in bytes, to be written before the answer is
// read. A server may answer before it has read a larger one, and then stop reading; a
// smaller one fits into the buffers of a connection.
const maxBefore = 32 << 10

// A Transport makes POSTs over HTTP/1.1, with TLS or without.
// It leaves all others to Next: those to servers that choose HTTP/2 when TLS
// begins, and everything where the operating system is not a Unix. It is safe for
// concurrent use; its fields must not be changed after the first request.
//
// It sends a request once and never repeats it. If it finds that an idle
// connection was closed, it takes another one before it sends. A host that was seen
// to close connections without saying so gets fresh ones for a while. A connection is
// used again only after a clean exchange: the header says in one way where the
// answer ends, that has been read, and nothing came behind it.
//
// Of the hooks of a request's Trace it calls those of dialling and TLS, GotConn,
// WroteRequest and GotFirstResponseByte. It does not look for hooks in the
// context; Next and Dial may.
type Transport struct {
	Next http.RoundTripper // makes the other requests; required

	// Dial opens a connection; nil: all requests are left to Next. A connection
	// that is not a [syscall.Conn] is used for one request. Dial may bound how
	// many are open by closing some: a connection that is closed while it is idle
	// is not used again.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// SecureOnly leaves requests without TLS to Next: Dial opens no connections for them.
	SecureOnly bool

	// TLS is for connections over https; nil: the defaults of crypto/tls. Its
	// ServerName and NextProtos are ignored. From its ClientSessionCache a session is
	// resumed only where it was begun: with the same host and port, by the same group.
	TLS *tls.Config

	HandshakeTimeout time.Duration // of TLS; required
	MaxHeader        int64         // bytes of an answer before its body, including 1xx answers before it; required
	MaxBody          int64         // bytes of an answer's body that are read at most, so that its connection can be used again, and one to see that it ends there; required
	BodyTimeout      time.Duration // for the rest of an answer once its header has come; required
	MaxIdle          int           // connections that are kept idle; beyond it the one that has been idle longest is closed; 0: no bound

	// IdleTimeout is after what time a connection is not used again, and closed up to
	// a sixteenth later, while nothing is known of its host; required. What the host
	// says (Keep-Alive), and when it was seen to close connections, makes that
	// shorter or longer, up to MaxIdleTime; 0: IdleTimeout.
	IdleTimeout, MaxIdleTime time.Duration

	idle        pool
	hosts       hosts
	speaksHTTP2 endpoints // that chose HTTP/2 when they were last asked
}

// Post makes a request and reads the answer. Like [http.RoundTripper] it returns
// any answer, and an error only if there is none. A body that cannot be read, or
// does not come to its end, is not an error.
//
// The deadline ends all of it, with two exceptions: closing a TLS connection may
// take five seconds longer, and reading an HTTP/2 answer one second if the server
// does not read. A zero deadline means none. The end of ctx has an effect only
// while a connection is opened, and where Next makes the request: watching for it
// would cost each request more than the deadline does.
func (t *Transport) Post(ctx context.Context, r *Request, deadline time.Time) (*Answer, error) {
	if !t.canPost(r) {
		return t.postNext(ctx, r, deadline)
	}
	m, err := r.write()
	if err != nil {
		return nil, err
	}
	c, err := t.connect(ctx, r, deadline)
	if err != nil {
		m.free()
	}
	if errors.Is(err, errHTTP2) {
		return t.postNext(ctx, r, deadline)
	}
	if err != nil {
		return nil, err
	}
	return t.exchange(r, m, c, deadline)
}

// CloseIdleConnections closes the idle connections, here and in Next.
func (t *Transport) CloseIdleConnections() {
	t.idle.close()
	if next, ok := t.Next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// canPost reports whether the request is made here, not by Next.
func (t *Transport) canPost(r *Request) bool {
	to := r.Template.endpoint
	if t.Dial != nil && r.Template.secure != nil && to.secure {
		return true
	}
	if !canPeek || t.Dial == nil || t.SecureOnly && !to.secure || to == (endpoint{}) || r.size() == 0 {
		return false
	}
	return !to.secure || to.group != "" || !t.speaksHTTP2.has(to)
}

// connect takes an idle connection, or opens one.
func (t *Transport) connect(ctx context.Context, r *Request, deadline time.Time) (*conn, error) {
	to := r.Template.endpoint
	for c := t.idle.take(to); c != nil; c = t.idle.take(to) {
		if !c.over(t.bounds()) {
			return c, nil
		}
		c.closeNow()
	}
	return t.open(ctx, r, deadline)
}

func (t *Transport) bounds() bounds {
	return bounds{first: t.IdleTimeout, most: max(t.IdleTimeout, t.MaxIdleTime)}
}

// exchange makes the request on a connection and reads the answer. Afterwards
// the message is free, and the connection idle or closed.
func (t *Transport) exchange(r *Request, m *message, c *conn, deadline time.Time) (*Answer, error) {
	got := httptrace.GotConnInfo{Conn: c.Conn, Reused: !c.idleSince.IsZero()}
	if (trace{r.Trace}).GotConn(got); r.Watcher != nil {
		r.Watcher.GotConn(got)
	}
	c.endBy(deadline)
	answer, body, keepAlive, err := c.exchange(r, m, t.MaxHeader)
	if err != nil {
		c.closeNow()
		if got.Reused && !c.answered {
			t.learn(c, err)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = context.DeadlineExceeded
		}
		return nil, err
	}
	if body != nil && r.Await {
		answer.readBody(r, body, t.MaxBody)
		body = nil
	}
	if body != nil || c.secure() { // otherwise nothing more is read
		if end := time.Now().Add(t.BodyTimeout); deadline.IsZero() || end.Before(deadline) {
			c.endBy(end)
		}
	}
	if body != nil {
		answer.readBody(r, body, t.MaxBody)
	}
	c.host.promise(answer.promised)
	t.release(c, answer.Whole, keepAlive)
	return answer, nil
}

// learn has the host of a used connection learn from a request that was not answered
// on it.
func (t *Transport) learn(c *conn, err error) {
	switch b := t.bounds(); {
	case errors.Is(err, net.ErrClosed): // by us
	case !errors.Is(err, os.ErrDeadlineExceeded):
		c.host.fail(c.idleFor, b)
	case c.idleFor > b.first: // something on the way may have forgotten the connection
		c.host.close(c.idleFor, b)
	}
}

// release makes a connection idle after an answer, or closes it.
func (t *Transport) release(c *conn, whole, keepAlive bool) {
	switch {
	case whole && keepAlive && c.prepareIdle() && c.host.keep(t.bounds()) > 0:
		t.idle.put(c, t.MaxIdle, t.bounds())
	case whole && !c.unsent:
		if c.ended {
			c.host.close(0, t.bounds())
		}
		c.close()
	default:
		c.closeNow()
	}
}
