package http1

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"
)

// maxClogged is how much longer than [Transport.BodyTimeout] reading an HTTP/2
// answer may take if the server does not read.
const maxClogged = time.Second

// postNext leaves a request to Next, and remembers from the answer whether the
// server speaks HTTP/2.
func (t *Transport) postNext(ctx context.Context, r *Request, deadline time.Time) (*Answer, error) {
	ctx, cancel := withDeadline(ctx, deadline)
	defer cancel()
	var conn net.Conn
	response, err := t.Next.RoundTrip(r.httpRequest(ctx, func(got httptrace.GotConnInfo) {
		if conn = got.Conn; r.Watcher != nil {
			r.Watcher.GotConn(got)
		}
	}))
	if err != nil {
		if conn == nil { // the next handshake is made here, where it is known why it fails
			t.speaksHTTP2.remove(r.Template.endpoint.server())
		}
		return nil, err
	}
	if to := r.Template.endpoint.server(); to.secure && response.ProtoMajor == 1 {
		t.speaksHTTP2.remove(to)
	} else if to.secure {
		t.speaksHTTP2.add(to)
	}
	answer := newAnswer(response)
	if answer.Whole {
		return answer, nil
	}
	wait := t.BodyTimeout
	if !deadline.IsZero() {
		if left := time.Until(deadline); r.Await || left < wait {
			wait = left
		}
	}
	defer time.AfterFunc(wait, cancel).Stop()
	if response.ProtoMajor == 2 && conn != nil {
		// The end of ctx does not end reading an HTTP/2 answer at once: x/net
		// first tells the server that the stream is over, and that blocks while
		// the server does not read.
		defer time.AfterFunc(wait+maxClogged, func() { _ = underTLS(conn).Close() }).Stop()
	}
	if answer.Status != http.StatusSwitchingProtocols { // there the body is the connection itself, without a deadline
		answer.readBody(r, response.Body, t.MaxBody)
	}
	_ = response.Body.Close()
	return answer, nil
}

// withDeadline returns ctx with a deadline, unless that is zero.
func withDeadline(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline)
}

// underTLS returns the connection below TLS. With a proxy that speaks TLS there
// are two layers of it.
func underTLS(conn net.Conn) net.Conn {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = outer.NetConn()
	}
}
