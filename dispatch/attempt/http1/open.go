package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// The protocols that are offered when TLS begins (RFC 7301).
const (
	protoHTTP1 = "http/1.1"
	protoHTTP2 = "h2"
)

// maxSession is how many bytes a TLS session may have to be resumed later: its ticket
// and the certificates, the server's and those that vouch for it.
const maxSession = 32 << 10

// errHTTP2 means that the server chose HTTP/2: the request is one for Next.
var errHTTP2 = errors.New("http1: the server speaks HTTP/2")

// open opens a connection, and returns when it is open or cannot be opened. A
// goroutine of its own does it: a handshake makes a stack grow to many times what
// waiting for an answer needs, and the caller waits much longer for its answer.
func (t *Transport) open(ctx context.Context, r *Request, deadline time.Time) (*conn, error) {
	var (
		c        *conn
		err      error
		panicked any
		done     = make(chan struct{})
	)
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		c, err = t.dial(ctx, r, deadline)
	}()
	<-done
	if panicked != nil {
		panic(panicked) // it ends this request and nothing else, if the caller recovers
	}
	return c, err
}

// dial opens a connection.
func (t *Transport) dial(ctx context.Context, r *Request, deadline time.Time) (*conn, error) {
	to := r.Template.endpoint
	ctx, cancel := withDeadline(ctx, deadline)
	defer cancel()
	dialled, err := t.Dial(r.withTrace(ctx), "tcp", to.address)
	if err != nil {
		return nil, err
	}
	c := newConn(dialled, to, t.hosts.get(to.server()))
	if !to.secure {
		return c, nil
	}
	var secure *tls.Conn
	defer func() {
		if secure == nil { // there was an error, or a panic
			c.closeNow()
		}
	}()
	c.wire = &wire{Conn: dialled}
	if secure, err = t.handshake(ctx, c.wire, to, trace{r.Trace}); err != nil {
		return nil, err
	}
	if c.Conn = secure; secure.ConnectionState().NegotiatedProtocol == protoHTTP2 {
		t.speaksHTTP2.add(to.server())
		c.close()
		return nil, errHTTP2
	}
	return c, nil
}

// handshake puts TLS on a connection.
func (t *Transport) handshake(ctx context.Context, dialled net.Conn, to endpoint, trace trace) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.HandshakeTimeout)
	defer cancel()
	// HandshakeContext would have a goroutine watch ctx.
	stop := context.AfterFunc(ctx, func() { _ = dialled.SetDeadline(longAgo) })
	conn := tls.Client(dialled, t.config(to))
	trace.TLSHandshakeStart()
	err := conn.HandshakeContext(context.WithoutCancel(ctx))
	if !stop() { // the deadline may be set yet
		err = ctx.Err()
	}
	trace.TLSHandshakeDone(conn.ConnectionState(), err)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// config returns what TLS needs for an endpoint.
func (t *Transport) config(to endpoint) *tls.Config {
	config := t.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.NextProtos = []string{protoHTTP2, protoHTTP1}; to.group != "" {
		config.NextProtos = []string{protoHTTP1}
	}
	config.ServerName, _, _ = net.SplitHostPort(to.address)
	if config.ClientSessionCache != nil {
		config.ClientSessionCache = sessions{config.ClientSessionCache, to.address + " " + to.group}
	}
	return config
}

// sessions are the TLS sessions that may be resumed with one endpoint. crypto/tls
// asks for those of a name, whatever the port and the group.
type sessions struct {
	all tls.ClientSessionCache
	key string
}

func (s sessions) Get(string) (*tls.ClientSessionState, bool) { return s.all.Get(s.key) }

// Put leaves out a session that is too large: the server decides about the size of
// its ticket and its certificates, up to hundreds of kilobytes.
func (s sessions) Put(_ string, session *tls.ClientSessionState) {
	if session == nil || sessionSize(session) <= maxSession {
		s.all.Put(s.key, session)
	}
}

func sessionSize(session *tls.ClientSessionState) int {
	ticket, state, err := session.ResumptionState()
	if err != nil || state == nil {
		return 0
	}
	rest, err := state.Bytes()
	if err != nil {
		return 0
	}
	return len(ticket) + len(rest)
}
