package http1

import (
	"bufio"
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

// errHeader says that an answer did not begin within what may be read.
var errHeader = errors.New("http1: the header of the answer is too long")

// A conn is a connection. One exchange has it at a time, or nobody while it is
// idle.
type conn struct {
	net.Conn                 // as it is used: TLS, if there is TLS
	dialled  net.Conn        // under it
	raw      syscall.RawConn // of that; nil: it has none
	to       endpoint
	since    time.Time // when it became idle, by the wall clock, which a suspended machine's goes on by; zero: it is new

	in    *bufio.Reader // nil while it is idle
	left  int64         // bytes that may still be read
	until time.Time     // when the exchange must have ended; zero: it need not

	look func(fd uintptr) // peek, made once; nil: not yet
	seen error            // by peek
	room [1]byte          // for it
}

// past is a deadline that lets nothing wait.
var past = time.Unix(0, 1)

var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

func newConn(dialled net.Conn, to endpoint) *conn {
	c := &conn{Conn: dialled, dialled: dialled, to: to}
	if under, ok := dialled.(syscall.Conn); ok {
		c.raw, _ = under.SyscallConn()
	}
	return c
}

// exchange sends a request in one piece, and reads the answer up to its body,
// which is nil if there is none or if it has been read. It says whether the
// connection lasts behind that.
func (c *conn) exchange(r *Request, m *message, most int64) (answer *Answer, body io.Reader, lasts bool, err error) {
	t := trace{r.Trace}
	_, err = c.Write(m.bytes)
	t.WroteRequest(err)
	if err != nil {
		return nil, nil, false, err
	}
	c.in = readers.Get().(*bufio.Reader) //nolint:forcetypeassert // there is nothing else in it
	c.in.Reset(c)
	c.left = most
	if _, err := c.in.Peek(1); err != nil { // io.EOF stays what it is so
		return nil, nil, false, err
	}
	t.GotFirstResponseByte()
	if answer := c.brief(r.KeepBody); answer != nil {
		return answer, nil, true, nil
	}
	return c.long()
}

// long reads any answer. Those that only say that another one comes (1xx, RFC
// 9110 §15.2) are passed over, but for 101, after which it is HTTP no more.
func (c *conn) long() (answer *Answer, body io.Reader, lasts bool, err error) {
	for {
		r, err := http.ReadResponse(c.in, nil) //nolint:bodyclose // it is part of the connection; nil: it answers anything but HEAD
		if err != nil {
			return nil, nil, false, err
		}
		if r.StatusCode/100 == 1 && r.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		c.left = math.MaxInt64
		answer, lasts = answerOf(r), !r.Close && r.StatusCode != http.StatusSwitchingProtocols
		if answer.Whole {
			return answer, nil, lasts, nil
		}
		return answer, r.Body, lasts, nil
	}
}

// Read reads for in, and no more than may be read.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errHeader
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// endBy sets the deadline of the exchange.
func (c *conn) endBy(at time.Time) {
	c.until = at
	_ = c.SetDeadline(at) // fails on a closed connection, and so will what is done next
}

func (c *conn) secure() bool { return c.Conn != c.dialled }

// rest makes the connection ready to be idle. It returns false if it cannot be
// used again: more came than the answer, or nobody could see that it is closed.
func (c *conn) rest() bool {
	if c.raw == nil || c.in.Buffered() > 0 || c.overread() {
		return false
	}
	c.in.Reset(nil)
	readers.Put(c.in)
	c.in = nil
	return true
}

// overread says whether TLS has read more than the answer, such as the other
// side's goodbye. What it read may want an answer, so that it may block until
// the deadline, and then has spoilt the connection without saying so.
func (c *conn) overread() bool {
	if !c.secure() {
		return false
	}
	var room [1]byte
	_ = c.dialled.SetReadDeadline(past)
	_, err := c.Conn.Read(room[:])
	_ = c.dialled.SetReadDeadline(time.Time{})
	late := !c.until.IsZero() && !time.Now().Before(c.until)
	return late || !errors.Is(err, os.ErrDeadlineExceeded)
}

// close says goodbye where TLS wants that, which may block for five seconds if
// the other side does not read.
func (c *conn) close() { _ = c.Close() }

// drop closes the connection at once.
func (c *conn) drop() { _ = c.dialled.Close() }
