package attempt

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// A tunnel connects to CRMs through a proxy that is asked for it (CONNECT, RFC 9110 §9.3.6).
// Its answers are read by net/http, those of the CRM are not.
type tunnel struct {
	proxy            *url.URL // http or https
	dial             func(ctx context.Context, network, address string) (net.Conn, error)
	tls              *tls.Config // for a proxy with https
	handshakeTimeout time.Duration
}

// open returns a connection to the CRM, on which nothing was sent yet.
func (t *tunnel) open(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := t.connect(ctx, network)
	if err != nil {
		return nil, &net.OpError{Op: "proxyconnect", Net: network, Err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(0, 1)) })
	err = t.ask(conn, address)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// connect returns a connection to the proxy.
func (t *tunnel) connect(ctx context.Context, network string) (net.Conn, error) {
	https := t.proxy.Scheme == "https"
	port := "80"
	if https {
		port = "443"
	}
	conn, err := t.dial(ctx, network, net.JoinHostPort(t.proxy.Hostname(), cmp.Or(t.proxy.Port(), port)))
	if err != nil || !https {
		return conn, err
	}
	config := t.tls.Clone()
	config.ServerName = t.proxy.Hostname()
	secure := tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(ctx, t.handshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return securedConn{secure}, nil
}

// ask has the proxy connect to the address.
func (t *tunnel) ask(conn net.Conn, address string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if user := t.proxy.User; user != nil {
		password, _ := user.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return err
	}
	// What is buffered is only the proxy's: TLS servers do not speak first. The body is left
	// alone: behind the header of a tunnel there is none, whatever that says.
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxAnswerHeader)), request) //nolint:bodyclose // see above
	if err != nil {
		return err
	}
	return proxyAnswer(answer.StatusCode)
}

// A securedConn is a connection to a proxy that speaks TLS itself. Below that is what can
// tell whether anything has come.
type securedConn struct{ *tls.Conn }

// SyscallConn implements [syscall.Conn].
func (c securedConn) SyscallConn() (syscall.RawConn, error) {
	return c.NetConn().(syscall.Conn).SyscallConn() //nolint:forcetypeassert // it is a countedConn
}
