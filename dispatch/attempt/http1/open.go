package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/net/http2"
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

// dial opens a connection. If the server ends it at the hello of TLS (ClientHello), it is
// tried once more without a post-quantum share: with it the hello does not fit into one
// packet, and there are servers, and firewalls before them, that take only one. Nothing of
// the request was written by then.
func (t *Transport) dial(ctx context.Context, r *Request, deadline time.Time) (*conn, error) {
	ctx, cancel := withDeadline(ctx, deadline)
	defer cancel()
	h := t.hosts.get(r.Template.endpoint.server())
	config, err := t.config(r.Template, h.classic())
	if err != nil {
		return nil, err
	}
	c, err := t.dialOnce(ctx, r, h, config)
	if !unheard(err) || isClassic(config) {
		return c, err
	}
	if config, err = t.config(r.Template, true); err != nil {
		return nil, err
	}
	c, again := t.dialOnce(ctx, r, h, config)
	if again == nil {
		h.preferClassic()
	}
	return c, again
}

// dialOnce opens a connection, with TLS as config says; nil: without.
func (t *Transport) dialOnce(ctx context.Context, r *Request, h *host, config *tls.Config) (*conn, error) {
	to := r.Template.endpoint
	dialled, err := t.Dial(r.withTrace(ctx), "tcp", to.address)
	if err != nil {
		return nil, err
	}
	c := newConn(dialled, to, h)
	if config == nil {
		return c, nil
	}
	var secure *tls.Conn
	defer func() {
		if secure == nil { // there was an error, or a panic
			c.closeNow()
		}
	}()
	c.wire = &wire{Conn: dialled}
	done, wanted, err := t.handshake(ctx, c.wire, config, trace{r.Trace})
	if err == nil && wanted && speaksHTTP2(done) {
		err = t.awaitSettings(ctx, done)
	}
	if err != nil {
		return nil, err
	}
	secure = done
	if c.Conn = secure; speaksHTTP2(secure) {
		t.speaksHTTP2.add(to.server())
		c.close()
		return nil, errHTTP2
	}
	return c, nil
}

func speaksHTTP2(c *tls.Conn) bool { return c.ConnectionState().NegotiatedProtocol == protoHTTP2 }

// http2Preface is what a client says first over HTTP/2: the preface and SETTINGS without a
// setting (RFC 9113 §3.4).
const http2Preface = http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// awaitSettings waits for the first that a server says over HTTP/2. With TLS 1.3 one that
// wants a client certificate says only now whether it goes on without, and Next may lose
// what it says. Some servers (HAProxy) say nothing before the client has. The connection
// cannot be used afterwards.
func (t *Transport) awaitSettings(ctx context.Context, c *tls.Conn) error {
	end, _ := ctx.Deadline() // of the attempt
	if most := time.Now().Add(t.HandshakeTimeout); end.IsZero() || most.Before(end) {
		end = most
	}
	_ = c.SetDeadline(end)
	_, _ = io.WriteString(c, http2Preface) // if that fails, the server may have said why
	_, err := c.Read(make([]byte, 1))
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return &HandshakeError{Err: err, Wanted: true}
	}
	return nil
}

// A HandshakeError is why TLS did not come about. Nothing of the request was written.
type HandshakeError struct {
	Err    error // of crypto/tls, or the end of the time for it
	Unsaid bool  // the server ended the connection before it said anything
	Wanted bool  // the server asked for a client certificate
}

func (e *HandshakeError) Error() string { return "TLS: " + e.Err.Error() }

// Unwrap returns Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

// unheard reports whether the server ended the connection at the hello.
func unheard(err error) bool {
	failed, ok := errors.AsType[*HandshakeError](err)
	return ok && failed.Unsaid
}

// ended reports whether the other side ended a connection, in whatever way.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// handshake puts TLS on a connection, and reports whether the server asked for a client
// certificate. The error is a [HandshakeError].
func (t *Transport) handshake(ctx context.Context, dialled *wire, config *tls.Config, trace trace) (conn *tls.Conn, wanted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.HandshakeTimeout)
	defer cancel()
	var failed HandshakeError
	certificate := config.GetClientCertificate
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		failed.Wanted = true
		if certificate == nil {
			return &tls.Certificate{}, nil
		}
		return certificate(info)
	}
	// HandshakeContext would have a goroutine watch ctx.
	stop := context.AfterFunc(ctx, func() { _ = dialled.SetDeadline(longAgo) })
	conn = tls.Client(dialled, config)
	trace.TLSHandshakeStart()
	err = conn.HandshakeContext(context.WithoutCancel(ctx))
	if !stop() { // the deadline may be set yet
		err = ctx.Err()
	}
	trace.TLSHandshakeDone(conn.ConnectionState(), err)
	if err != nil {
		failed.Err, failed.Unsaid = err, !dialled.heard && ended(err)
		return nil, false, &failed
	}
	return conn, failed.Wanted, nil
}

// ClassicGroups are for key exchange without a post-quantum share.
var ClassicGroups = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}

// isClassic reports whether TLS is made without a post-quantum share.
func isClassic(config *tls.Config) bool { return slices.Equal(config.CurvePreferences, ClassicGroups) }

// config returns what TLS needs for a template; nil: it needs none. Classic connections
// are made here, as Next does not know which servers need one.
func (t *Transport) config(template *Template, classic bool) (*tls.Config, error) {
	to := template.endpoint
	if !to.secure {
		return nil, nil
	}
	config := t.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.NextProtos = []string{protoHTTP2, protoHTTP1}; to.group != "" || classic {
		config.NextProtos = []string{protoHTTP1}
	}
	config.ServerName, _, _ = net.SplitHostPort(to.address)
	if config.ClientSessionCache != nil {
		config.ClientSessionCache = sessions{config.ClientSessionCache, to.address + " " + to.group}
	}
	if template.secure != nil {
		if err := template.secure(config); err != nil {
			return nil, err
		}
	}
	if classic {
		config.CurvePreferences = ClassicGroups
	}
	return config, nil
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
