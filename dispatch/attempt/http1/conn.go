package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// errHeader means that the header of an answer is longer than MaxHeader.
var errHeader = errors.New("http1: the header of the answer is too long")

// A conn is a connection. It belongs to one exchange at a time, or is idle.
type conn struct {
	net.Conn                  // with TLS, if there is TLS
	dialled   net.Conn        // without TLS
	wire      *wire           // between dialled and TLS; nil if there is no TLS
	raw       syscall.RawConn // of dialled; nil if it has none
	to        endpoint
	host      *host         // what is known of its server
	idleSince time.Time     // by the wall clock, which keeps running while the machine is suspended; zero: the connection is new
	idleFor   time.Duration // before this exchange
	older     *conn         // in the list of a pool
	newer     *conn

	in   *bufio.Reader // nil while nothing comes in
	left int64         // bytes that may still be read

	ended    bool    // the other side closed it right behind the answer
	answered bool    // something of the answer has come
	unsent   bool    // the server has answered before it read all of the request
	first    [1]byte // the first byte of an answer over TLS
	hasFirst bool    // it was received, and not yet read

	peekFunc  func(fd uintptr)      // peek, allocated once; nil: not yet
	awaitFunc func(fd uintptr) bool // arrived, likewise
	waited    bool                  // arrived was called
	peekErr   error                 // what peek found
	peekBuf   [1]byte
}

// longAgo is a deadline for reads that must not wait.
var longAgo = time.Unix(0, 1)

var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

func newConn(dialled net.Conn, to endpoint, h *host) *conn {
	c := &conn{Conn: dialled, dialled: dialled, to: to, host: h}
	if s, ok := dialled.(syscall.Conn); ok && canPeek {
		c.raw, _ = s.SyscallConn()
	}
	return c
}

// exchange sends a request in one write, frees its message, and reads the answer
// up to its body. The body is nil if there is none or if it has been read. keepAlive
// reports whether the connection can be used after it.
func (c *conn) exchange(r *Request, m *message, maxHeader int64) (answer *Answer, body io.Reader, keepAlive bool, err error) {
	c.answered = false
	if len(m.bytes) > maxBefore {
		return c.exchangeLarge(r, m, maxHeader)
	}
	_, err = c.Write(m.bytes)
	m.free()
	trace{r.Trace}.WroteRequest(err)
	if err != nil {
		return nil, nil, false, err
	}
	return c.receiveAnswer(r, maxHeader)
}

// exchangeLarge writes a large request while it waits for the answer. A server that refuses
// it need not read the rest. One that takes it may yet want to: some answer first.
func (c *conn) exchangeLarge(r *Request, m *message, maxHeader int64) (answer *Answer, body io.Reader, keepAlive bool, err error) {
	written := make(chan error, 1)
	go func() {
		_, err := c.Write(m.bytes)
		written <- err
	}()
	answer, body, keepAlive, err = c.receiveAnswer(r, maxHeader)
	var unwritten error
	select {
	case unwritten = <-written:
	default:
		if err != nil || refuses(answer.Status) {
			_ = c.SetWriteDeadline(longAgo)
		}
		unwritten = <-written
	}
	m.free()
	trace{r.Trace}.WroteRequest(unwritten)
	c.unsent = unwritten != nil // by a server that has decided without the rest
	return answer, body, keepAlive && !c.unsent, err
}

// refuses reports whether the status can only mean that the server does not have the request:
// 409 is also said of what it has.
func refuses(status int) bool { return status >= 400 && status != http.StatusConflict }

// receiveAnswer waits for the answer and reads it up to its body.
func (c *conn) receiveAnswer(r *Request, maxHeader int64) (answer *Answer, body io.Reader, keepAlive bool, err error) {
	if err := c.awaitAnswer(); err != nil {
		return nil, nil, false, err
	}
	c.in = readers.Get().(*bufio.Reader) //nolint:forcetypeassert // there is nothing else in it
	c.in.Reset(c)
	c.left = maxHeader
	if _, err := c.in.Peek(1); err != nil { // before readHead, which would turn io.EOF into another error
		return nil, nil, false, err
	}
	c.answered = true
	trace{r.Trace}.GotFirstResponseByte()
	return c.readAnswer(r)
}

// readAnswer reads an answer up to its body, and all of it if that has come. It skips interim
// answers: nobody asked for one, so the connection is not used again after it.
func (c *conn) readAnswer(r *Request) (answer *Answer, body io.Reader, keepAlive bool, err error) {
	var h head
	for first := true; ; first = false {
		switch err := c.readHead(&h); {
		case err != nil:
			return nil, nil, false, err
		case h.isInterim() && h.cut:
			return nil, nil, false, io.ErrUnexpectedEOF
		case h.isInterim():
			continue
		}
		c.left = math.MaxInt64
		answer = &Answer{Status: h.status, Proto: h.proto, RetryAfter: h.retryAfter, Encoding: h.encoding, Fields: h.fields, promised: h.promised}
		switch keepAlive = first && h.keepsAlive(); {
		case h.cut:
			return answer, nil, false, nil
		case HasNoBody(h.status), h.length == 0 && !h.chunked:
			answer.Whole = true
			return answer, nil, keepAlive, nil
		case !h.chunked && h.length > 0 && h.length <= int64(c.in.Buffered()):
			c.takeBody(r, answer, int(h.length))
			return answer, nil, keepAlive, nil
		}
		return answer, c.body(&h), keepAlive, nil
	}
}

// takeBody reads a body that has come as a whole.
func (c *conn) takeBody(r *Request, a *Answer, length int) {
	body, _ := c.in.Peek(length)
	if keep := r.keep(a.Status); keep > 0 {
		a.Body = bytes.Clone(body[:min(keep, length)])
	}
	_, _ = c.in.Discard(length)
	a.Whole = true
}

// awaitAnswer returns when something of an answer may be read. Until then the
// exchange holds no buffer: thousands of them wait at the same time. TLS may receive
// what is no answer, such as session tickets, so one byte is read from it.
func (c *conn) awaitAnswer() error {
	if !c.secure() {
		return c.await()
	}
	n, err := c.Conn.Read(c.first[:])
	if c.hasFirst = n > 0; c.hasFirst {
		return nil // an error comes again
	}
	return err
}

// Read reads for in, at most left bytes in all.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errHeader
	}
	b = b[:min(int64(len(b)), c.left)]
	n, err := c.receive(b)
	c.left -= int64(n)
	return n, err
}

// receive reads from the connection, the byte first that was received already.
func (c *conn) receive(b []byte) (int, error) {
	if !c.hasFirst {
		return c.Conn.Read(b)
	}
	c.hasFirst = false
	b[0] = c.first[0]
	if len(b) == 1 {
		return 1, nil
	}
	n, _ := c.Conn.Read(b[1:]) // an error comes again
	return 1 + n, nil
}

// endBy sets the deadline of the exchange.
func (c *conn) endBy(deadline time.Time) {
	_ = c.SetDeadline(deadline) // fails only on a closed connection, where the next read or write fails too
}

// over reports whether an idle connection is not to be used again: it has been
// idle for too long, or the other side has closed it. Its host learns from both.
func (c *conn) over(b bounds) bool {
	c.idleFor = time.Since(c.idleSince)
	if c.stale() {
		if !errors.Is(c.peekErr, net.ErrClosed) { // we did not close it
			c.host.close(c.idleFor, b)
		}
		return true
	}
	keep := c.host.keep(b)
	if c.idleFor <= keep {
		return false
	}
	c.host.survive(keep)
	return true
}

func (c *conn) secure() bool { return c.Conn != c.dialled }

// prepareIdle prepares the connection for being idle. It returns false if it
// cannot be used again: there was more than the answer, or there would be no way to
// find out whether the other side has closed it.
func (c *conn) prepareIdle() bool {
	if c.raw == nil || c.in.Buffered() > 0 || c.overread() {
		return false
	}
	c.in.Reset(nil)
	readers.Put(c.in)
	c.in = nil
	return true
}

// overread reports whether TLS has read more than the answer, such as the other
// side's close, or the beginning of a record. Session tickets are not more. It does
// not block: if TLS would write, because what it has read requires a reply, that is
// more than the answer too.
func (c *conn) overread() bool {
	if !c.secure() {
		return false
	}
	var buf [1]byte
	_ = c.dialled.SetDeadline(longAgo)
	_, err := c.Conn.Read(buf[:])
	_ = c.dialled.SetDeadline(time.Time{})
	if c.ended = errors.Is(err, io.EOF); c.ended {
		return true
	}
	_, broken := c.Write(nil) // sends nothing; an error if a write has failed
	return broken != nil || !c.wire.whole() || !errors.Is(err, os.ErrDeadlineExceeded)
}

// close closes the connection. With TLS it tells the other side first, which may
// block for five seconds if that does not read.
func (c *conn) close() { _ = c.Close() }

// closeNow closes the connection without telling the other side.
func (c *conn) closeNow() { _ = c.dialled.Close() }
