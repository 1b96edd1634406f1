package http1

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// errTooLong says that an answer is longer than may be read of it.
var errTooLong = errors.New("http1: the answer is too long")

// An endpoint is where connections go.
type endpoint struct {
	secure  bool   // TLS
	address string // host:port
	host    string
}

// endpointOf reads a URL. It returns false for one that only net/http
// understands, such as with a name that is not ASCII.
func endpointOf(u *url.URL) (endpoint, bool) {
	to := endpoint{secure: u.Scheme == "https", host: u.Hostname()}
	port := u.Port()
	switch {
	case port != "":
	case to.secure:
		port = "443"
	default:
		port = "80"
	}
	for i := range len(to.host) {
		if to.host[i] >= 0x80 || to.host[i] == '%' {
			return to, false
		}
	}
	to.address = net.JoinHostPort(to.host, port)
	return to, to.host != "" && (to.secure || u.Scheme == "http")
}

// A conn is a connection; one exchange has it at a time.
type conn struct {
	net.Conn                 // with TLS on top, if it has TLS
	raw      syscall.RawConn // under it
	to       endpoint
	used     bool
	since    time.Time // idle since then

	in   *bufio.Reader // while an exchange has it
	out  *[]byte
	left int64 // bytes that may be read
}

var (
	readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}
	buffers = sync.Pool{New: func() any { return new([]byte) }}
)

func newConn(dialled net.Conn, to endpoint) *conn {
	c := &conn{Conn: dialled, to: to}
	if s, ok := dialled.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	return c
}

func (c *conn) borrowBuffers() {
	c.in = readers.Get().(*bufio.Reader)
	c.in.Reset(c)
	c.out = buffers.Get().(*[]byte)
}

func (c *conn) returnBuffers() {
	c.in.Reset(nil)
	readers.Put(c.in)
	buffers.Put(c.out)
	c.in, c.out = nil, nil
}

// Read reads no more than may be read.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLong
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// write sends a request in one piece.
func (c *conn) write(r *http.Request) error {
	var err error
	if *c.out, err = appendRequest((*c.out)[:0], r); err != nil {
		return err
	}
	_, err = c.Conn.Write(*c.out)
	return err
}

// read reads the answer up to its body. Answers that only say that another
// comes (1xx) are passed over.
func (c *conn) read(r *http.Request, most int64, trace *httptrace.ClientTrace) (*http.Response, error) {
	c.left = most
	if trace != nil && trace.GotFirstResponseByte != nil {
		if _, err := c.in.Peek(1); err == nil {
			trace.GotFirstResponseByte()
		}
	}
	for {
		answer, err := http.ReadResponse(c.in, r)
		if err != nil {
			return nil, err
		}
		if answer.StatusCode/100 != 1 || answer.StatusCode == http.StatusSwitchingProtocols {
			c.left = 1 << 62
			return answer, nil
		}
	}
}

// cut ends the exchange that is being made.
func (c *conn) cut() { _ = c.SetDeadline(time.Unix(1, 0)) }

func (c *conn) reusable() bool { return c.in.Buffered() == 0 && c.raw != nil }

// close says goodbye.
func (c *conn) close() { _ = c.Conn.Close() }

// discard closes a connection whose other side may not listen.
func (c *conn) discard() {
	if secure, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		_ = secure.NetConn().Close()
		return
	}
	_ = c.Conn.Close()
}

// A body is that of an answer.
type body struct {
	io.ReadCloser
	whole bool // the connection can be used again when all of it is read
	done  func(whole bool)
	ended bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err == io.EOF && b.whole) //nolint:errorlint // io.Reader's rule
	}
	return n, err
}

func (b *body) end(whole bool) {
	if !b.ended {
		b.ended = true
		b.done(whole)
	}
}

func (b *body) Close() error {
	b.end(false)
	return nil
}
